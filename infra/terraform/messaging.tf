# Topics, the subscriptions that push to the functions, the queue of wake-ups and the clock.

locals {
  # Above the lease of a step (60 s), or a step that is still at work would be delivered again.
  ack_deadline_seconds = 90
  # Of the deliveries of one message; afterwards it goes to the dead letters.
  maximum_deliveries = 20

  topics = toset(concat(["events", "transitions", "dead-letters"], local.work))

  subscriptions = merge(
    {
      start-executions-events        = { topic = "events", function = "start-executions" }
      start-executions-transitions   = { topic = "transitions", function = "start-executions" }
      sync-repositories-events       = { topic = "events", function = "sync-repositories" }
      send-notifications-transitions = { topic = "transitions", function = "send-notifications" }
    },
    { for topic in local.work : topic => { topic = topic, function = "advance-execution" } },
    # The function knows the source by the end of the subscription's name.
    { for source, topic in var.source_topics : "receive-message-${source}" => { topic = topic, function = "receive-message" } },
  )
}

resource "google_pubsub_topic" "this" {
  for_each                   = local.topics
  name                       = each.key
  message_retention_duration = "604800s"
  depends_on                 = [google_project_service.apis]
}

resource "google_pubsub_subscription" "this" {
  for_each = local.subscriptions
  name     = "gennaker-${each.key}"
  # A topic of ours by its resource, so that it is made first; a source's topic by its name.
  topic                      = try(google_pubsub_topic.this[each.value.topic].id, each.value.topic)
  ack_deadline_seconds       = local.ack_deadline_seconds
  message_retention_duration = "604800s"

  # Never: a lane without a delivery for a month must still be there.
  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  dead_letter_policy {
    dead_letter_topic = google_pubsub_topic.this["dead-letters"].id
    # Nothing repairs a lost notification, so Slack may be down for longer than work may be stuck.
    max_delivery_attempts = each.key == "send-notifications-transitions" ? 100 : local.maximum_deliveries
  }

  push_config {
    push_endpoint = local.urls[each.value.function]
    oidc_token {
      service_account_email = google_service_account.pusher.email
      audience              = local.audience
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}

# Commits the failure to the execution that a dead letter was for. It has no dead letters of its own.
resource "google_pubsub_subscription" "dead_letters" {
  name                       = "gennaker-dead-letters"
  topic                      = google_pubsub_topic.this["dead-letters"].id
  ack_deadline_seconds       = local.ack_deadline_seconds
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  push_config {
    push_endpoint = local.urls["advance-execution"]
    oidc_token {
      service_account_email = google_service_account.pusher.email
      audience              = local.audience
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}

# Pub/Sub signs as the pusher, and moves what is dead from each subscription to the topic.
resource "google_service_account_iam_member" "pubsub_signs" {
  service_account_id = google_service_account.pusher.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.this["dead-letters"].name
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  for_each     = local.subscriptions
  subscription = google_pubsub_subscription.this[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_cloud_tasks_queue" "wake_ups" {
  name     = "gennaker-wake-ups"
  location = var.region

  # A wake-up that is lost is made good by tick, so there is no use in trying for ever.
  retry_config {
    max_attempts       = 100
    max_retry_duration = "3600s"
    min_backoff        = "1s"
    max_backoff        = "60s"
  }

  depends_on = [google_project_service.apis]
}

resource "google_cloud_scheduler_job" "tick" {
  name             = "gennaker-tick"
  region           = var.region
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = local.urls["tick"]
    headers     = { "Content-Type" = "application/json" }
    # In the shape of a push, so that every function has one way in.
    body = base64encode(jsonencode({ message = { messageId = "tick" }, subscription = "tick" }))

    oidc_token {
      service_account_email = google_service_account.pusher.email
      audience              = local.audience
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.invokers]
}
