import { type StreamError, TlsExpiredError, TlsNameError, TlsUntrustedError } from '../errors.js'

// The codes of OpenSSL's verification, as Node names them.
const NOT_YET = 'CERT_NOT_YET_VALID'
const EXPIRED = new Set([NOT_YET, 'CERT_HAS_EXPIRED'])
const WRONG_NAME = new Set(['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'])
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
])

// The names in a certificate are the server's choice, and can be very many.
const SHOWN_CHARACTERS = 200

interface Failure extends Error {
  readonly code?: string
  /** Of a wrong name: the name that was asked for, and those of the certificate. */
  readonly reason?: string
}

/** The error of a certificate that is not accepted; `undefined` for any other failure. */
export function tlsFailure(error: Failure, { origin }: URL): StreamError | undefined {
  const { code = '' } = error
  const options = { cause: error }
  if (EXPIRED.has(code))
    return new TlsExpiredError(
      `the certificate of ${origin} ${code === NOT_YET ? 'is not valid yet' : 'has expired'}; ` +
        'check the clock of this machine, or have the certificate renewed',
      options,
    )
  if (WRONG_NAME.has(code))
    return new TlsNameError(
      `the certificate of ${origin} is for other names ` +
        `(${(error.reason ?? error.message).slice(0, SHOWN_CHARACTERS)}); ` +
        'check the host, and what stands between it and us',
      options,
    )
  if (UNTRUSTED.has(code))
    return new TlsUntrustedError(
      `the certificate of ${origin} is not trusted (${error.message}); ` +
        'name the file of its authority in NODE_EXTRA_CA_CERTS, or use an `agent` with `ca`',
      options,
    )
  return undefined
}
