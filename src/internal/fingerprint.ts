/** {@link hashNumber} of several texts, without joining them: nothing is allocated. */
export class Fingerprint {
  #low = 0
  #high = 0

  begin(): this {
    this.#low = 0x811c9dc5 | 0
    this.#high = 0x01000193
    return this
  }

  /** `from`: the first character that counts. */
  add(text: string, from = 0): this {
    let [low, high] = [this.#low, this.#high]
    for (let i = Math.max(from, 0); i < text.length; i += 1) {
      low = Math.imul(low ^ text.charCodeAt(i), 0x01000193)
      high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b)
    }
    this.#low = low
    this.#high = high
    return this
  }

  /** 53 bits. */
  get value(): number {
    return ((this.#high >>> 0) & 0x1fffff) * 2 ** 32 + (this.#low >>> 0)
  }
}
