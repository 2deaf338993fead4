/** The public instances, which `jetstream$` reads by default. */
export const PUBLIC_HOSTS = ['jetstream.us-east.bsky.network', 'jetstream.us-west.bsky.network']
