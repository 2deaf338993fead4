import { renderToString } from 'react-dom/server'
import { Posts } from './posts.tsx'

/** The page as a server renders it: nothing dials. */
export const render = (): string => renderToString(<Posts />)
