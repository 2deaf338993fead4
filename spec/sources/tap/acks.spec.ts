import { NEVER } from 'rxjs'
import type { Outcome } from '../../../src/delivery/delivery.js'
import type { Delivery } from '../../../src/delivery/ledger.js'
import type { Connection } from '../../../src/socket/socket.js'
import { TapAcks } from '../../../src/sources/tap/acks.js'
import type { TapEvent, TapRecordEvent } from '../../../src/sources/tap/events.js'

const DID = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'

const post = (id: number, rkey: string, rev = '3kb3fge5lm32x'): TapRecordEvent => ({
  id,
  type: 'record',
  did: DID,
  rev,
  collection: 'app.bsky.feed.post',
  rkey,
  action: 'create',
  live: true,
})

const identity = (id: number, handle: string): TapEvent => ({
  id,
  type: 'identity',
  did: DID,
  handle,
  isActive: true,
  status: 'active',
})

/** Acks, and the ids that each connection was sent. */
class Desk {
  readonly acks: TapAcks
  readonly connections: number[][] = []

  constructor(ack: 'done' | 'receipt' | 'none' = 'done', onReject: 'ack' | 'leave' = 'leave') {
    this.acks = new TapAcks(ack, onReject)
    this.reconnect()
  }

  reconnect(): void {
    const sent: number[] = []
    this.acks.disconnected()
    this.connections.push(sent)
    const connection: Connection = {
      frames$: NEVER,
      bytes: 0,
      heard: 0,
      canPause: true,
      send: (text) => sent.push((JSON.parse(text) as { id: number }).id),
      ping: () => {},
      pause: () => {},
      resume: () => {},
    }
    this.acks.opened(connection)
  }

  settle(event: TapEvent, outcome: Outcome = 'done'): void {
    this.acks.settled({ event } as Delivery<TapEvent>, outcome)
  }
}

describe('Acks', () => {
  it('acks an event when its delivery is done, and not before', () => {
    const desk = new Desk()
    expect(desk.acks.onEvent(post(7, 'a'))).toBe(true)
    expect(desk.connections).toEqual([[]])
    desk.settle(post(7, 'a'))
    expect(desk.connections).toEqual([[7]])
  })

  it('never acks an event whose delivery failed, and handles it when it comes again', () => {
    const desk = new Desk()
    desk.acks.onEvent(post(7, 'a'))
    desk.settle(post(7, 'a'), 'failed')
    expect(desk.connections).toEqual([[]])
    expect(desk.acks.onEvent(post(7, 'a'))).toBe(true)
  })

  it('acks what was dropped, since that counts as done', () => {
    const desk = new Desk()
    desk.acks.onEvent(post(7, 'a'))
    desk.settle(post(7, 'a'), 'dropped')
    expect(desk.connections).toEqual([[7]])
  })

  it("acks at receipt under 'receipt', and never under 'none'", () => {
    const [receipt, none] = [new Desk('receipt'), new Desk('none')]
    for (const desk of [receipt, none]) {
      desk.acks.onEvent(post(7, 'a'))
      desk.settle(post(7, 'a'))
    }
    expect([receipt.connections, none.connections]).toEqual([[[7]], [[]]])
  })

  it("acks a reject's id only under onReject: 'ack'", () => {
    const [ack, leave] = [new Desk('done', 'ack'), new Desk('done', 'leave')]
    ack.acks.onReject('host', 9)
    leave.acks.onReject('host', 9)
    expect([ack.connections, leave.connections]).toEqual([[[9]], [[]]])
  })

  describe('acks carried over a reconnect destroy events', () => {
    it('acks work that ends after the disconnect when its event comes again, handled once', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.reconnect()
      desk.settle(post(7, 'a'))
      expect(desk.connections).toEqual([[], []])
      expect(desk.acks.onEvent(post(7, 'a'))).toBe(false)
      expect(desk.connections).toEqual([[], [7]])
    })

    it('acks it under the id that the new connection gives it', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.reconnect()
      desk.settle(post(7, 'a'))
      expect(desk.acks.onEvent(post(1, 'a'))).toBe(false)
      expect(desk.connections).toEqual([[], [1]])
    })

    it('handles a new event under an old id', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(1, 'a'))
      desk.settle(post(1, 'a'))
      desk.reconnect()
      expect(desk.acks.onEvent(post(1, 'b'))).toBe(true)
      expect(desk.connections).toEqual([[1], []])
    })

    it('sends nothing while there is no connection', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.acks.disconnected()
      desk.settle(post(7, 'a'))
      desk.reconnect()
      expect(desk.connections).toEqual([[], []])
    })

    it('handles two identity events of equal content at once, and acks both', () => {
      const desk = new Desk()
      expect([1, 2].map((id) => desk.acks.onEvent(identity(id, 'alice.test')))).toEqual([
        true,
        true,
      ])
      desk.settle(identity(1, 'alice.test'))
      expect(desk.connections).toEqual([[1]])
      desk.settle(identity(2, 'alice.test'))
      expect(desk.connections).toEqual([[1, 2]])
    })

    it('handles the same record again when it comes as a new event after its ack', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.settle(post(7, 'a'))
      desk.reconnect()
      expect(desk.acks.onEvent(post(8, 'a'))).toBe(true)
    })

    it('handles a handle that changes there and back', () => {
      const desk = new Desk()
      for (const event of [identity(1, 'alice.test'), identity(2, 'bob.test')]) {
        desk.acks.onEvent(event)
        desk.settle(event)
      }
      desk.reconnect()
      expect(desk.acks.onEvent(identity(3, 'alice.test'))).toBe(true)
    })
  })

  describe('copies that another process acked', () => {
    const change = (id: number, action: 'update' | 'delete', rkey = 'a') => ({
      ...post(id, rkey, `rev-${id}`),
      action,
    })

    it('handles again what was acked on an earlier connection', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.settle(post(7, 'a'))
      desk.reconnect()
      expect(desk.acks.onEvent(post(7, 'a'))).toBe(true)
      desk.settle(post(7, 'a'))
      expect(desk.connections).toEqual([[7], [7]])
    })

    it.each(['update', 'delete'] as const)(
      'handles an %s again that ended after its connection',
      (action) => {
        const desk = new Desk()
        desk.acks.onEvent(change(7, action))
        desk.reconnect()
        desk.settle(change(7, action))
        expect(desk.acks.remembered).toBe(0)
        expect(desk.acks.onEvent(change(7, action))).toBe(true)
        desk.settle(change(7, action))
        expect(desk.connections).toEqual([[], [7]])
      },
    )

    it('handles an identity event again that is in hand from an earlier connection', () => {
      const desk = new Desk()
      desk.acks.onEvent(identity(7, 'alice.test'))
      desk.reconnect()
      expect(desk.acks.onEvent(identity(7, 'alice.test'))).toBe(true)
    })

    it('acks what is handled again when both of its deliveries have ended', () => {
      const desk = new Desk()
      desk.acks.onEvent(change(7, 'delete'))
      desk.reconnect()
      expect(desk.acks.onEvent(change(7, 'delete'))).toBe(true)
      desk.settle(change(7, 'delete'))
      expect(desk.connections).toEqual([[], []])
      desk.settle(change(7, 'delete'))
      expect(desk.connections).toEqual([[], [7]])
    })

    it('does not ack it where one of them failed', () => {
      const desk = new Desk()
      desk.acks.onEvent(change(7, 'delete'))
      desk.reconnect()
      desk.acks.onEvent(change(7, 'delete'))
      desk.settle(change(7, 'delete'), 'failed')
      desk.settle(change(7, 'delete'))
      expect(desk.connections).toEqual([[], []])
      expect(desk.acks.onEvent(change(7, 'delete'))).toBe(true)
    })

    it.each([
      ['another event of its record', change(5, 'delete')],
      ['an identity event of its account', identity(5, 'alice.test')],
    ])('handles a create again, in hand or ended, after %s', (_, older) => {
      for (const endsAfter of [true, false]) {
        const desk = new Desk()
        desk.acks.onEvent(post(7, 'a'))
        desk.reconnect()
        if (endsAfter) desk.settle(post(7, 'a'))
        expect(desk.acks.onEvent(older)).toBe(true)
        expect(desk.acks.onEvent(post(7, 'a'))).toBe(true)
      }
    })

    it('does not take over a create after another event of its record, over connections', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.reconnect()
      desk.acks.onEvent(change(5, 'delete'))
      desk.reconnect()
      desk.settle(post(7, 'a'))
      expect(desk.acks.onEvent(post(7, 'a'))).toBe(true)
    })

    it('takes over neither of two creates of one record', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a', 'rev-1'))
      desk.acks.onEvent(post(8, 'a', 'rev-2'))
      desk.reconnect()
      desk.settle(post(7, 'a', 'rev-1'))
      expect(desk.acks.onEvent(post(7, 'a', 'rev-1'))).toBe(true)
      expect(desk.acks.onEvent(post(8, 'a', 'rev-2'))).toBe(true)
    })

    it('takes over a create after events of other records', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.reconnect()
      expect(desk.acks.onEvent(change(5, 'delete', 'b'))).toBe(true)
      expect(desk.acks.onEvent(post(7, 'a'))).toBe(false)
    })
  })

  describe('idle$', () => {
    const isIdle = ({ acks }: Desk): boolean => {
      let idle = false
      acks.idle$.subscribe(() => (idle = true)).unsubscribe()
      return idle
    }

    it('waits for work taken over from an earlier connection, and for work handled again', () => {
      for (const action of ['create', 'delete'] as const) {
        const event = { ...post(7, 'a'), action }
        const desk = new Desk()
        desk.acks.onEvent(event)
        expect(isIdle(desk)).toBe(false)
        desk.reconnect()
        // Nothing that this connection could take an ack of.
        expect(isIdle(desk)).toBe(true)
        desk.acks.onEvent(event)
        expect(isIdle(desk)).toBe(false)
        desk.settle(event)
        if (action === 'delete') desk.settle(event)
        expect(isIdle(desk)).toBe(true)
        expect(desk.connections).toEqual([[], [7]])
      }
    })
  })

  describe('copies, reader or no reader', () => {
    it('does not handle a copy of an event in flight, and acks once for each copy', () => {
      const desk = new Desk()
      expect([1, 2, 3].map(() => desk.acks.onEvent(post(7, 'a')))).toEqual([true, false, false])
      expect(desk.connections).toEqual([[]])
      desk.settle(post(7, 'a'))
      expect(desk.connections).toEqual([[7, 7, 7]])
    })

    it('acks a copy of what is done on this connection at once', () => {
      const desk = new Desk()
      desk.acks.onEvent(post(7, 'a'))
      desk.settle(post(7, 'a'))
      expect(desk.acks.onEvent(post(7, 'a'))).toBe(false)
      expect(desk.connections).toEqual([[7, 7]])
    })

    it('remembers a bounded number of what is done', () => {
      const desk = new Desk()
      for (let id = 1; id <= 100_001; id += 1) {
        desk.acks.onEvent(post(id, `r${id}`))
        desk.settle(post(id, `r${id}`))
      }
      expect(desk.acks.remembered).toBe(100_000)
      expect(desk.acks.onEvent(post(1, 'r1'))).toBe(true)
      expect(desk.acks.onEvent(post(2, 'r2'))).toBe(false)
    })

    it('remembers a bounded number of what ended without a connection', () => {
      const desk = new Desk()
      for (let id = 1; id <= 100_001; id += 1) desk.acks.onEvent(post(id, `r${id}`))
      desk.reconnect()
      for (let id = 1; id <= 100_001; id += 1) desk.settle(post(id, `r${id}`))
      expect(desk.acks.remembered).toBe(100_000)
      expect(desk.acks.onEvent(post(1, 'r1'))).toBe(true)
      expect(desk.acks.onEvent(post(2, 'r2'))).toBe(false)
    })
  })
})
