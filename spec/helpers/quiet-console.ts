// Many specs do on purpose what the library warns of. What a spec looks at, it spies on.
const { warn } = console
console.warn = (...args: unknown[]) => {
  if (!String(args[0]).startsWith('rxjs-atproto: ')) warn(...args)
}
