import { redisCommands } from '../../src/redis-client/commands.js'
import { packRows } from '../../src/sinks/redis-streams/pack-rows.js'
import { STREAM_LUA } from '../../src/sinks/redis-streams/stream-lua.js'
import { describeRedis, redisServer } from '../helpers/redis-server.js'
import { clients } from '../redis-client/clients.js'

const READ_ALL = `
local data, all, at = ARGV[1], {}, 1
${STREAM_LUA.add}
while at <= #data do
  local id, field, value
  id, field, value, at = row(at)
  all[#all + 1] = { id, field, value }
end
return all`

describeRedis.each(clients)('rows that are packed, sent with %s,', (_, connect) => {
  it('are unpacked by a script, whatever their text', async () => {
    await using server = await redisServer()
    await using opened = await connect(server.url)
    const texts = ['', 'a', 'é\r\n$', '日本', '🌊'.repeat(1000), '\0\u0001', 'x'.repeat(70_000)]
    const rows = texts.map((text, position) => ({
      place: { host: '', position, index: 0, copy: 0 },
      field: ['event', text] as const,
      id: `${position}-0`,
    }))
    const found = await redisCommands(opened.client).send(['EVAL', READ_ALL, '0', packRows(rows)])
    expect(found).toEqual(rows.map(({ id, field }) => [id, ...field]))
  })
})
