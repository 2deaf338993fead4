export const IN_BROWSER = typeof process === 'undefined' || process.versions?.node === undefined
