import { generateBlobCid, generateCid, generateDid, tid } from './ids.js'
import { integer, pick } from './random.js'

/** The repository's clock id and the time of a record. */
export interface Author {
  readonly clock: number
  readonly timeUs: number
}

const PHRASES = [
  'good morning from the north sea',
  'ok but who left the kettle on?',
  'おはようございます、今日もいい天気ですね',
  'la mucura mística é praticamente inofensiva 🌊',
  'I hadn’t heard this one yet <3 & it rules',
  'Вчера было холодно, сегодня ещё холоднее',
  'reading about "append-only" logs again',
  'café, pan y un gato dormido 🐈‍⬛',
  'does anybody else count backwards\nwhen they cannot sleep',
  'مساء الخير يا أصدقاء',
  'new post is up: link in bio 👇🏽',
  'heute nur Regen. nur Regen.',
]
const LANGS = [['en'], ['en'], ['en'], ['ja'], ['pt'], ['de'], ['es'], ['en', 'ja']]

const iso = (timeUs: number): string => new Date(timeUs / 1000).toISOString()

function strongRef(next: () => number, at: Author) {
  const repo = generateDid(next)
  const rkey = tid(at.timeUs - integer(next, 1e11), integer(next, 1024))
  return { cid: generateCid(next), uri: `at://${repo}/app.bsky.feed.post/${rkey}` }
}

function blob(next: () => number) {
  return {
    $type: 'blob',
    ref: { $link: generateBlobCid(next) },
    mimeType: 'image/jpeg',
    size: 20_000 + integer(next, 900_000),
  }
}

function embed(next: () => number) {
  const images = [
    { alt: pick(next, PHRASES), aspectRatio: { height: 1500, width: 2000 }, image: blob(next) },
  ]
  return { $type: 'app.bsky.embed.images', images }
}

function text(next: () => number): string {
  const count = 1 + integer(next, 3)
  return Array.from({ length: count }, () => pick(next, PHRASES)).join(' ')
}

function post(next: () => number, at: Author): object {
  const createdAt = iso(at.timeUs - integer(next, 3_000_000))
  const shape = next()
  const parent = shape < 0.4 ? strongRef(next, at) : undefined
  return {
    $type: 'app.bsky.feed.post',
    createdAt,
    ...(shape > 0.8 ? { embed: embed(next) } : {}),
    langs: pick(next, LANGS),
    ...(parent ? { reply: { parent, root: shape < 0.15 ? strongRef(next, at) : parent } } : {}),
    text: text(next),
  }
}

function profile(next: () => number): object {
  const avatar = blob(next)
  return {
    $type: 'app.bsky.actor.profile',
    avatar,
    description: text(next),
    displayName: pick(next, PHRASES),
  }
}

const about = ($type: string) => (next: () => number, at: Author) => ({
  $type,
  createdAt: iso(at.timeUs),
  subject: strongRef(next, at),
})
const between = ($type: string) => (next: () => number, at: Author) => ({
  $type,
  createdAt: iso(at.timeUs),
  subject: generateDid(next),
})

const status = (next: () => number, at: Author): object => ({
  $type: 'fm.teal.alpha.actor.status',
  item: {
    artists: [{ artistName: pick(next, PHRASES) }],
    duration: null,
    trackName: pick(next, PHRASES),
  },
  time: iso(at.timeUs),
})

/** How a record of each collection is made; keys inside are sorted, as on the wire. */
export const RECORDS: Readonly<Record<string, (next: () => number, at: Author) => object>> = {
  'app.bsky.feed.like': about('app.bsky.feed.like'),
  'app.bsky.feed.post': post,
  'app.bsky.feed.repost': about('app.bsky.feed.repost'),
  'app.bsky.graph.follow': between('app.bsky.graph.follow'),
  'app.bsky.graph.block': between('app.bsky.graph.block'),
  'app.bsky.actor.profile': profile,
  'fm.teal.alpha.actor.status': status,
}
