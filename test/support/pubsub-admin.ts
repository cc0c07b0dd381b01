/** Makes topics and subscriptions in the Pub/Sub emulator, as Terraform does at Google. */

type Place = { readonly host: string; readonly projectId: string };

/** Makes the topic; one that is there already is fine. */
export async function createTopic({ host, projectId, topic }: Place & { topic: string }): Promise<void> {
  await call('PUT', `http://${host}/v1/projects/${projectId}/topics/${topic}`, {});
}

/** Makes a subscription that begins again soon after a refusal. Times are those of infra/terraform, but shorter. */
export async function createSubscription(
  options: Place & {
    readonly topic: string;
    readonly subscription: string;
    /** Where it pushes to; without one it is pulled from. */
    readonly pushUrl?: string | undefined;
    /** 10 to 600 */
    readonly ackDeadlineSeconds?: number;
    readonly deadLetters?: { readonly topic: string; readonly after: number };
  },
): Promise<void> {
  const { host, projectId, topic, subscription, pushUrl, ackDeadlineSeconds = 10, deadLetters } = options;
  await call('PUT', `http://${host}/v1/projects/${projectId}/subscriptions/${subscription}`, {
    topic: `projects/${projectId}/topics/${topic}`,
    ackDeadlineSeconds,
    ...(pushUrl === undefined ? {} : { pushConfig: { pushEndpoint: pushUrl } }),
    retryPolicy: { minimumBackoff: '0.1s', maximumBackoff: '1s' },
    ...(deadLetters === undefined
      ? {}
      : {
          deadLetterPolicy: {
            deadLetterTopic: `projects/${projectId}/topics/${deadLetters.topic}`,
            maxDeliveryAttempts: deadLetters.after,
          },
        }),
  });
}

export async function deleteSubscription(options: Place & { readonly subscription: string }): Promise<void> {
  await call('DELETE', `http://${options.host}/v1/projects/${options.projectId}/subscriptions/${options.subscription}`);
}

const ALREADY_EXISTS = 409;

async function call(method: 'PUT' | 'DELETE', url: string, body?: unknown): Promise<void> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok && response.status !== ALREADY_EXISTS) {
    throw new Error(`${method} ${url}: the Pub/Sub emulator answered ${response.status} ${text}`);
  }
}
