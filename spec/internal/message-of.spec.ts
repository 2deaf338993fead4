import { runInNewContext } from 'node:vm'
import { messageOf } from '../../src/internal/message-of.js'

describe('the message of a thrown value', () => {
  it('is that of an error of any realm', () => {
    const foreign: unknown = runInNewContext("new Error('no route')")
    expect(foreign).not.toBeInstanceOf(Error)
    expect([new Error('no route'), foreign].map(messageOf)).toEqual(['no route', 'no route'])
  })

  it.each<[unknown, string]>([
    ['text', 'text'],
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    [{}, '[object Object]'],
  ])('is the value itself where it is no error: %p', (value, message) => {
    expect(messageOf(value)).toBe(message)
  })
})
