/** Bytes of the archive that are not what they must be. Never leaves this folder. */
export class Damaged extends Error {}
