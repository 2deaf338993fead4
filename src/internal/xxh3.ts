// The only regime of the hash that is here: shorter input is hashed in four other ways. Libraries
// that have all of them are WebAssembly files, several times as large.
const LEAST_BYTES = 241

// `kSecret` of xxHash.
const SECRET = Uint8Array.from(
  (
    'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f' +
    'cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c' +
    '3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8' +
    'a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364' +
    'eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e' +
    '2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e'
  )
    .match(/../g)
    ?.map((byte) => Number.parseInt(byte, 16)) ?? [],
)
const secret = new DataView(SECRET.buffer)

const [P32_1, P32_2, P32_3] = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn]
const [P64_1, P64_2, P64_3, P64_4, P64_5] = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
]
const LAST_FACTOR = 0x165667919e3779f9n

const STRIPE_BYTES = 64
// After so many stripes the lanes are scrambled, and the secret begins again.
const STRIPES_OF_ROUND = 16
const SCRAMBLE_AT = 128
const LAST_STRIPE_AT = 121
const MERGE_AT = 11

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value)

/**
 * XXH3 of 64 bits with seed 0, of more than 240 bytes. The lanes are kept in halves of 32 bits: as
 * BigInts they take nine times as long.
 */
export function xxh3(bytes: Uint8Array): bigint {
  const { length } = bytes
  if (length < LEAST_BYTES) throw new RangeError(`xxh3 takes ${LEAST_BYTES} bytes, not ${length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, length)
  const lanes = BigUint64Array.of(P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1)
  // The low half of each lane comes first: every machine that runs JavaScript is little-endian.
  const halves = new Uint32Array(lanes.buffer)
  const stripes = Math.floor((length - 1) / STRIPE_BYTES)
  for (let stripe = 0; stripe < stripes; stripe += 1) {
    const at = stripe % STRIPES_OF_ROUND
    addStripe(halves, view, stripe * STRIPE_BYTES, at * 8)
    if (at === STRIPES_OF_ROUND - 1) scramble(lanes)
  }
  addStripe(halves, view, length - STRIPE_BYTES, LAST_STRIPE_AT)
  return merge(lanes, length)
}

function addStripe(halves: Uint32Array, view: DataView, at: number, key: number): void {
  for (let lane = 0; lane < 16; lane += 2) {
    const low = view.getUint32(at + 4 * lane, true)
    const high = view.getUint32(at + 4 * lane + 4, true)
    add(halves, lane ^ 2, low, high)
    addProduct(
      halves,
      lane,
      (low ^ secret.getUint32(key + 4 * lane, true)) >>> 0,
      (high ^ secret.getUint32(key + 4 * lane + 4, true)) >>> 0,
    )
  }
}

/** Adds the 64 bits of a product of 32 bits each. */
function addProduct(halves: Uint32Array, lane: number, a: number, b: number): void {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const low = a0 * b0
  const middle = a0 * b1 + a1 * b0 + (low >>> 16)
  const lowHalf = ((middle << 16) | (low & 0xffff)) >>> 0
  add(halves, lane, lowHalf, a1 * b1 + Math.floor(middle / 2 ** 16))
}

function add(halves: Uint32Array, lane: number, low: number, high: number): void {
  const sum = (halves[lane] as number) + low
  halves[lane] = sum
  halves[lane + 1] = (halves[lane + 1] as number) + high + (sum >= 2 ** 32 ? 1 : 0)
}

function scramble(lanes: BigUint64Array): void {
  for (const [at, lane] of lanes.entries())
    lanes[at] = (lane ^ (lane >> 47n) ^ secretAt(SCRAMBLE_AT + 8 * at)) * P32_1
}

function merge(lanes: BigUint64Array, length: number): bigint {
  let hash = BigInt(length) * P64_1
  for (let lane = 0; lane < lanes.length; lane += 2) {
    const at = MERGE_AT + 8 * lane
    const [one = 0n, other = 0n] = lanes.subarray(lane, lane + 2)
    const product = (one ^ secretAt(at)) * (other ^ secretAt(at + 8))
    hash += wrap(product) ^ (product >> 64n)
  }
  hash = wrap(hash)
  hash = wrap((hash ^ (hash >> 37n)) * LAST_FACTOR)
  return hash ^ (hash >> 32n)
}

const secretAt = (at: number): bigint => secret.getBigUint64(at, true)
