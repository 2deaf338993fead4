// For localhost, signed by itself, until 2126: made for the specs, and good for nothing else.
const pem = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`

export const KEY = pem(
  'PRIVATE KEY',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxQekwXLkMoU7mLPIXSmZiv5DK+Vk0kVcprSYofpNTD' +
    'KhRANCAAQ3Cwc5swVjYb+ByPFp60arkdgPE10DFCnAowe/JpOx/zSOquS9aDGdwtDlsiglL3cjWLzXyaqa1JgI0hOE' +
    '6hWB',
)

export const CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBljCCATugAwIBAgIUHv8kCU65htH+ZyfOhtQA21Hhd+0wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJbG9jYWxob3' +
    'N0MCAXDTI2MTEyMTIwNTY0NFoYDzIxMjYxMDI4MjA1NjQ0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjO' +
    'PQIBBggqhkjOPQMBBwNCAAQ3Cwc5swVjYb+ByPFp60arkdgPE10DFCnAowe/JpOx/zSOquS9aDGdwtDlsiglL3cjWL' +
    'zXyaqa1JgI0hOE6hWBo2kwZzAdBgNVHQ4EFgQU7mMnakI8kwY3MbhGim2BXTO/y0AwHwYDVR0jBBgwFoAU7mMnakI8' +
    'kwY3MbhGim2BXTO/y0AwDwYDVR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwIDSQ' +
    'AwRgIhAMT/9NTS1hWKQqZbUHwqOEEQD8M0qaK0W531nUKc3Ro1AiEAhhp1jweHfYzykYuuc8p4RqSfclhmA/feGIhM' +
    'Bm0PuRg=',
)
