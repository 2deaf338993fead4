import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { AppModule } from './app.module.js'

const app = await NestFactory.create(AppModule)
// Nest drains the streams on SIGTERM.
app.enableShutdownHooks()
await app.listen(process.env.PORT ?? 0, '127.0.0.1')
console.log(await app.getUrl())
