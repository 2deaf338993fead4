import type { RedisCommand, RedisCommands } from '../../../src/redis-client/client.js'
import { redisCommands } from '../../../src/redis-client/commands.js'
import { Group } from '../../../src/sources/redis/group.js'
import { describeRedis, type RedisServer, redisServer } from '../../helpers/redis-server.js'
import { clients } from '../../redis-client/clients.js'
import { write } from './stream.js'

describeRedis.each(clients)('a group over %s', (_, connect) => {
  let server: RedisServer
  beforeAll(async () => {
    server = await redisServer()
  })
  afterAll(() => server[Symbol.asyncDispose]())
  beforeEach(async () => {
    await server.cli('FLUSHALL')
    await write(server, 0, 5)
    await server.cli('XGROUP', 'CREATE', 's', 'g', '0')
    await server.cli('XREADGROUP', 'GROUP', 'g', 'other', 'COUNT', '4', 'STREAMS', 's', '>')
  })

  /** The commands of a client; `between` runs after the first command of a claim. */
  const interrupted = (
    commands: RedisCommands,
    between: () => Promise<unknown>,
    first = 'XAUTOCLAIM',
  ): RedisCommands => ({
    pipeline: (all) => commands.pipeline(all),
    duplicate: () => commands.duplicate(),
    async send(command: RedisCommand) {
      const reply = await commands.send(command)
      if (command[0] === first) await between()
      return reply
    },
  })

  it('claims no entry that its consumer acks in this moment', async () => {
    await using opened = await connect(server.url)
    let acked: string | undefined
    const ack = async () => {
      acked = await server.cli('XACK', 's', 'g', '2-0', '4-0')
    }
    const group = new Group('s', 'g', 'me', interrupted(redisCommands(opened.client), ack))
    const { entries } = await group.claim('-', 10, 0)
    expect(acked).toBe(':2')
    expect(entries.map(({ id, deliveries }) => [id, deliveries])).toEqual([
      ['1-0', 2],
      ['3-0', 2],
    ])
  })

  it('claims no entry that another consumer claims in this moment', async () => {
    await using opened = await connect(server.url)
    const steal = () => server.cli('XCLAIM', 's', 'g', 'third', '0', '1-0')
    const group = new Group('s', 'g', 'me', interrupted(redisCommands(opened.client), steal))
    const { entries } = await group.claim('-', 10, 0)
    expect(entries.map(({ id }) => id)).toEqual(['2-0', '3-0', '4-0'])
  })

  it('claims what is pending, and names what was deleted', async () => {
    await using opened = await connect(server.url)
    await server.cli('XDEL', 's', '2-0')
    const group = new Group('s', 'g', 'me', redisCommands(opened.client))
    const { entries } = await group.claim('-', 10, 0)
    expect(entries.map(({ id, fields }) => [id, fields !== undefined])).toEqual([
      ['1-0', true],
      ['3-0', true],
      ['4-0', true],
      ['2-0', false],
    ])
  })

  it('takes up what it had, without what another consumer claims or acks meanwhile', async () => {
    await using opened = await connect(server.url)
    const steal = async () => {
      await server.cli('XCLAIM', 's', 'g', 'third', '0', '1-0', '2-0')
      await server.cli('XACK', 's', 'g', '1-0')
      await server.cli('XDEL', 's', '3-0')
    }
    const commands = interrupted(redisCommands(opened.client), steal, 'XPENDING')
    const group = new Group('s', 'g', 'other', commands)
    const { last, entries } = await group.ownPending('', 10, () => false)
    expect(last).toBe('4-0')
    expect(entries.map(({ id, fields, deliveries }) => [id, fields?.length, deliveries])).toEqual([
      ['3-0', undefined, 2],
      ['4-0', 2, 2],
    ])
    expect(await server.cli('XPENDING', 's', 'g', '-', '+', '10', 'third')).toContain('2-0')
  })
})
