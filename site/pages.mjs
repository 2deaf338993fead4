import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const REPOSITORY = 'https://github.com/rxjs-atproto/rxjs-atproto/blob/main'
const GROUPS = {
  docs: 'Guides',
  'docs/cookbook': 'Cookbook',
  'docs/frameworks': 'Frameworks',
  'docs/decisions': 'Decisions',
}

/**
 * Writes the README and the pages of docs to `place`, as the site has them: each has a title and a
 * group, and a link to a file that is no page leads to the repository. Returns the pages.
 */
export function writePages(root, place) {
  rmSync(place, { recursive: true, force: true })
  const pages = readdirSync(join(root, 'docs'), { recursive: true })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file))
    .sort()
  const known = new Set([...pages, 'README.md'])
  for (const page of known) {
    const text = withLinks(readFileSync(join(root, page), 'utf8'), page, known)
    const path = join(place, page)
    mkdirSync(dirname(path), { recursive: true })
    // typedoc writes the heading of the first page itself.
    const isFirst = page === 'README.md'
    writeFileSync(path, isFirst ? text.replace(/^# .+\n/, '') : titled(text, page))
  }
  return pages.map((page) => join(place, page))
}

const withLinks = (text, page, known) =>
  text.replaceAll(/\]\((?!https:|#)([^)\s#]+)(#[^)\s]*)?\)/g, (link, path, anchor = '') => {
    const target = normalize(join(dirname(page), path))
    return known.has(target) ? link : `](${REPOSITORY}/${target}${anchor})`
  })

function titled(text, page) {
  const title = JSON.stringify(/^# (.+)$/m.exec(text)[1].replaceAll('`', ''))
  return `---\ntitle: ${title}\ngroup: ${GROUPS[dirname(page)] ?? 'Guides'}\n---\n${text}`
}
