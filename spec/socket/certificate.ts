// Signed by themselves, with the one key: made for the specs, and good for nothing else.
const pem = (label: string, base64: string): string =>
  `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`

export const KEY = pem(
  'PRIVATE KEY',
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgxQekwXLkMoU7mLPIXSmZiv5DK+Vk0kVcprSYofpNTD' +
    'KhRANCAAQ3Cwc5swVjYb+ByPFp60arkdgPE10DFCnAowe/JpOx/zSOquS9aDGdwtDlsiglL3cjWLzXyaqa1JgI0hOE' +
    '6hWB',
)

/** For localhost, until 2126. */
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

/** Expired in 2020. */
export const EXPIRED_CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBXjCCAQWgAwIBAgIBBDAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwHhcNMTkwMTAxMDAwMDAwWh' +
    'cNMjAwMTAxMDAwMDAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ3Cwc5' +
    'swVjYb+ByPFp60arkdgPE10DFCnAowe/JpOx/zSOquS9aDGdwtDlsiglL3cjWLzXyaqa1JgI0hOE6hWBo0gwRjAPBg' +
    'NVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAdBgNVHQ4EFgQU7mMnakI8kwY3MbhGim2BXTO/y0Aw' +
    'CgYIKoZIzj0EAwIDRwAwRAIgDCEl7hJVUnakSw24dAghuAxn+nIXNurUUa8+nsnjWPgCIG2sVc8SNhZ90sO1CvPJNQ' +
    'HAlPF5SVYuaVDxmwi8HpFO',
)

/** Valid from 2120 on. */
export const EARLY_CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBYjCCAQmgAwIBAgIBBjAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwIhgPMjEyMDExMDEwMDAwMD' +
    'BaGA8yMTI2MTAwMTAwMDAwMFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE' +
    'NwsHObMFY2G/gcjxaetGq5HYDxNdAxQpwKMHvyaTsf80jqrkvWgxncLQ5bIoJS93I1i818mqmtSYCNIThOoVgaNIME' +
    'YwDwYDVR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwHQYDVR0OBBYEFO5jJ2pCPJMGNzG4RoptgV0z' +
    'v8tAMAoGCCqGSM49BAMCA0cAMEQCIHws1eTlWM4EFDy8PJOVLtMkTimIL01obuJLpcJYxle7AiA7vEVK2QrWLAPEDw' +
    'LZZFR1z3v2TRBHIk+iV1Ux6/JrdA==',
)

/** For other.example. */
export const OTHER_CERTIFICATE = pem(
  'CERTIFICATE',
  'MIIBbTCCAROgAwIBAgIBBTAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1vdGhlci5leGFtcGxlMCAXDTI2MTEwMTAwMD' +
    'AwMFoYDzIxMjYxMDAxMDAwMDAwWjAYMRYwFAYDVQQDDA1vdGhlci5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0D' +
    'AQcDQgAENwsHObMFY2G/gcjxaetGq5HYDxNdAxQpwKMHvyaTsf80jqrkvWgxncLQ5bIoJS93I1i818mqmtSYCNIThO' +
    'oVgaNMMEowDwYDVR0TAQH/BAUwAwEB/zAYBgNVHREEETAPgg1vdGhlci5leGFtcGxlMB0GA1UdDgQWBBTuYydqQjyT' +
    'BjcxuEaKbYFdM7/LQDAKBggqhkjOPQQDAgNIADBFAiA1cizT2pRX3emi+apqBgk744nu8lHzO9fkKD0vnfID8QIhAP' +
    'sbpFG+SYTilbj9NztNdKmKHh2qmHQTEklNneQ1e1jD',
)

/** What is wrong with a certificate, and the error of a client that trusts who made it. */
export const BAD_CERTIFICATES = [
  ['expired', EXPIRED_CERTIFICATE, 'TLS_EXPIRED', /has expired; check the clock/],
  ['not valid yet', EARLY_CERTIFICATE, 'TLS_EXPIRED', /is not valid yet; check the clock/],
  ['for another name', OTHER_CERTIFICATE, 'TLS_NAME', /other names \(.*DNS:other\.example\)/],
] as const
