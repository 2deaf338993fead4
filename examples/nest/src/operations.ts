import { Controller, Get, Header, Inject } from '@nestjs/common'
import { HealthCheck, HealthCheckService } from '@nestjs/terminus'
import { PROMETHEUS_TYPE, prometheusText } from 'rxjs-atproto'
import { type AtprotoStream, InjectStream } from 'rxjs-atproto/nest'
import { AtprotoHealthIndicator } from 'rxjs-atproto/nest/terminus'

@Controller()
export class Operations {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(AtprotoHealthIndicator) private readonly indicator: AtprotoHealthIndicator,
    @InjectStream() private readonly main: AtprotoStream,
    @InjectStream('tap') private readonly tap: AtprotoStream,
  ) {}

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([() => this.indicator.isHealthy('atproto', { withinMs: 60_000 })])
  }

  @Get('metrics')
  @Header('content-type', PROMETHEUS_TYPE)
  metrics(): string {
    return prometheusText(
      [this.main, this.tap].map(({ name, metrics$ }) => ({
        metrics: metrics$.value,
        labels: { stream: name },
      })),
    )
  }
}
