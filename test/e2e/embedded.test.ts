/** From a registry push to a stable Deployment on a real API server and a message in Slack, in one process. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KubernetesCluster, openCluster } from '../../shared/kubernetes/client.ts';
import { type ControlPlane, requireControlPlane, startControlPlane } from '../support/control-plane.ts';
import { SLACK_CHANNELS, SLACK_TOKEN } from '../support/delivery.ts';
import { describeDelivery, type DeliveryWorld } from '../support/delivery-cases.ts';
import { startFarEnd } from '../support/far-end.ts';
import { startLocalSystem } from '../support/local-system.ts';
import { hasRegistry, startRegistry } from '../support/registry.ts';
import { startSlackServer } from '../support/slack-server.ts';
import { recordWrites } from '../support/write-record.ts';

const isComplete = [requireControlPlane(), hasRegistry()].every(Boolean);
