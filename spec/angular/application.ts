import {
  // The parts of an application that has no document: `createApplication` needs one.
  ɵChangeDetectionScheduler as ChangeDetectionScheduler,
  createEnvironmentInjector,
  ɵEffectScheduler as EffectScheduler,
  type EnvironmentInjector,
  type EnvironmentProviders,
  ɵINJECTOR_SCOPE as INJECTOR_SCOPE,
  Injector,
  NgZone,
  PLATFORM_ID,
  type Provider,
  runInInjectionContext,
} from '@angular/core'

/** Knows whether its code runs in the zone, as NgZone does, and counts how often it was entered. */
class CountingZone {
  isInside = false
  entered = 0

  run<T>(work: () => T): T {
    this.entered += 1
    return this.#with(true, work)
  }

  runOutsideAngular<T>(work: () => T): T {
    return this.#with(false, work)
  }

  #with<T>(isInside: boolean, work: () => T): T {
    const before = this.isInside
    this.isInside = isInside
    try {
      return work()
    } finally {
      this.isInside = before
    }
  }
}

/** An application without a document: injectors, signals and effects. */
export class Application {
  readonly zone = new CountingZone()
  readonly #root: EnvironmentInjector
  readonly #injectors = new Set<EnvironmentInjector>()

  constructor(
    providers: readonly (Provider | EnvironmentProviders)[] = [],
    platform: 'browser' | 'server' = 'browser',
  ) {
    const parts = [
      { provide: INJECTOR_SCOPE, useValue: 'root' },
      { provide: ChangeDetectionScheduler, useValue: { notify: () => {}, runningTick: false } },
      { provide: NgZone, useValue: this.zone },
      { provide: PLATFORM_ID, useValue: platform },
    ]
    this.#root = createEnvironmentInjector(
      [...parts, ...providers],
      Injector.NULL as EnvironmentInjector,
    )
  }

  /** Makes a component, and runs what it has asked for. */
  create<T>(make: () => T): { readonly made: T; destroy(): void } {
    const injector = createEnvironmentInjector([], this.#root)
    this.#injectors.add(injector)
    const made = this.zone.run(() => runInInjectionContext(injector, make))
    this.check()
    const destroy = () => {
      if (this.#injectors.delete(injector)) injector.destroy()
    }
    return { made, destroy }
  }

  /** Runs the effects whose signals have changed. */
  check(): void {
    this.zone.run(() => this.#root.get(EffectScheduler).flush())
  }

  destroy(): void {
    for (const injector of this.#injectors) injector.destroy()
    this.#root.destroy()
  }
}
