import { bootstrapApplication } from '@angular/platform-browser'
import { config } from './config'
import { Posts } from './posts'

bootstrapApplication(Posts, config)
