import { appendFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { Injectable } from '@nestjs/common'

/** Stands for a database: a line for each event, with the stream that brought it. */
@Injectable()
export class Journal {
  async write(stream: string, ...keys: readonly string[]): Promise<void> {
    await wait(1 + Math.random() * 4)
    const lines = keys.map((key) => `${stream} ${key}\n`).join('')
    appendFileSync(process.env.JOURNAL ?? 'journal.txt', lines)
  }
}
