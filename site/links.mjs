import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The links of a folder of HTML that lead nowhere, and how many were looked at. */
export function brokenLinks(folder) {
  const pages = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.html'))
  const texts = new Map(pages.map((page) => [page, readFileSync(join(folder, page), 'utf8')]))
  const ids = new Map(
    [...texts].map(([page, text]) => [
      page,
      new Set([...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id)),
    ]),
  )
  const links = [...texts].flatMap(([page, text]) =>
    [...text.matchAll(/\s(?:href|src)="([^"]*)"/g)]
      .map(([, link]) => ({ page, link: link.replaceAll('&amp;', '&') }))
      .filter(({ link }) => !/^(https?:|data:|mailto:)/.test(link)),
  )
  const broken = links.filter(({ page, link }) => {
    const [path, anchor] = link.split('#').map(decodeURIComponent)
    const target = path === '' ? page : join(dirname(page), path.split('?')[0])
    if (!existsSync(join(folder, target))) return true
    return anchor !== undefined && anchor !== '' && ids.get(target)?.has(anchor) === false
  })
  return { count: links.length, broken: broken.map(({ page, link }) => `${page}: ${link}`) }
}
