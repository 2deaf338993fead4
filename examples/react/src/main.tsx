import { StrictMode } from 'react'
import { createRoot, hydrateRoot } from 'react-dom/client'
import { Posts } from './posts.tsx'

const root = document.getElementById('root')
if (root === null) throw new Error('the page has no #root')
// Another server: `?host=ws://localhost:6008/subscribe`
const host = new URLSearchParams(location.search).get('host') ?? undefined
const app = (
  <StrictMode>
    <Posts host={host} />
  </StrictMode>
)
if (root.hasChildNodes()) hydrateRoot(root, app)
else createRoot(root).render(app)
