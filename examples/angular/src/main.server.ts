import { mergeApplicationConfig } from '@angular/core'
import { type BootstrapContext, bootstrapApplication } from '@angular/platform-browser'
import { provideServerRendering } from '@angular/ssr'
import { config } from './config'
import { Posts } from './posts'

const serverConfig = mergeApplicationConfig(config, { providers: [provideServerRendering()] })

/** The page as a server renders it, here when it is built: nothing dials. */
const bootstrap = (context: BootstrapContext) => bootstrapApplication(Posts, serverConfig, context)

// The command line of Angular reads it.
export default bootstrap
