# One service and one service account for each function, each with no more rights than the function uses.

locals {
  lanes = [for target in keys(var.targets) : "work-${target}"]
  work  = concat(["work"], local.lanes)

  # What a function may publish to, whether it schedules wake-ups, and whether anyone on the internet may call it
  # (such a function checks its callers itself). The others answer only to the sender of pushes.
  functions = {
    receive-webhook    = { publishes = ["events"], wakes = false, public = true, timeout = 30 }
    receive-message    = { publishes = ["events"], wakes = false, public = false, timeout = 30 }
    tick               = { publishes = concat(["events", "transitions"], local.work), wakes = true, public = false, timeout = 60 }
    start-executions   = { publishes = concat(["events", "transitions"], local.work), wakes = true, public = false, timeout = 60 }
    advance-execution  = { publishes = concat(["events", "transitions"], local.work), wakes = true, public = false, timeout = 90 }
    sync-repositories  = { publishes = [], wakes = false, public = false, timeout = 90 }
    send-notifications = { publishes = [], wakes = false, public = false, timeout = 60 }
    serve-api          = { publishes = concat(["events", "transitions"], local.work), wakes = true, public = true, timeout = 3600 }
  }

  # Those that render manifests run two programs of 384 MiB at most side by side; a repository's files are held in
  # memory while they are read.
  memory = {
    start-executions  = "1Gi"
    advance-execution = "1Gi"
    serve-api         = "1Gi"
    sync-repositories = "2Gi"
  }

  # Cloud Run's predictable addresses, so that a function can be told its own.
  urls = {
    for name in keys(local.functions) :
    name => "https://gennaker-${name}-${data.google_project.this.number}.${var.region}.run.app"
  }

  # Of every token by which Pub/Sub, Cloud Tasks and Cloud Scheduler prove who they are.
  audience = "gennaker"

  cluster_projects = toset([for target in values(var.targets) : split("/", target.cluster)[1]])

  grants = {
    publishes = merge([
      for name, function in local.functions : { for topic in function.publishes : "${name}/${topic}" => { function = name, topic = topic } }
    ]...)
    secrets = merge([
      for name, secrets in local.secrets :
      { for secret in toset(values(secrets)) : "${name}/${secret}" => { function = name, secret = secret } }
    ]...)
  }

  # By function, the variables whose values are secrets: GENNAKER_SECRET_SLACK_TOKEN for slack-token,
  # GENNAKER_STAGE_SECRET_… for what stages may name.
  secrets = {
    for name in keys(local.functions) :
    name => merge(
      { for secret in lookup(var.secrets, name, []) : "GENNAKER_SECRET_${upper(replace(secret, "-", "_"))}" => secret },
      name == "advance-execution" ? { for secret in var.stage_secrets : "GENNAKER_STAGE_SECRET_${upper(replace(secret, "-", "_"))}" => secret } : {},
      # Only the API asks who somebody is.
      name == "serve-api" && var.people_secret != null ? { GENNAKER_PEOPLE = var.people_secret } : {},
    )
  }
}

resource "google_service_account" "functions" {
  for_each     = local.functions
  account_id   = "gennaker-${each.key}"
  display_name = "Gennaker: ${each.key}"
}

# As whom Pub/Sub, Cloud Tasks and Cloud Scheduler call.
resource "google_service_account" "pusher" {
  account_id   = "gennaker-pusher"
  display_name = "Gennaker: sender of pushes"
}

resource "google_cloud_run_v2_service" "functions" {
  for_each         = local.functions
  name             = "gennaker-${each.key}"
  location         = var.region
  custom_audiences = [local.audience]

  template {
    service_account                  = google_service_account.functions[each.key].email
    timeout                          = "${each.value.timeout}s"
    max_instance_request_concurrency = each.value.public ? 80 : 16

    containers {
      image = var.image

      resources {
        limits            = { cpu = "1", memory = lookup(local.memory, each.key, "512Mi") }
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = merge(
          {
            FUNCTION_TARGET         = each.key
            GENNAKER_PROJECT        = var.project
            GENNAKER_REGION         = var.region
            GENNAKER_AUDIENCE       = local.audience
            GENNAKER_PUSHER         = google_service_account.pusher.email
            GENNAKER_QUEUE          = google_cloud_tasks_queue.wake_ups.name
            GENNAKER_PUBLIC_URL     = local.urls["serve-api"]
            GENNAKER_HOOKS_URL      = local.urls["receive-webhook"]
            GENNAKER_PAGES          = var.pages
            GENNAKER_TARGETS        = jsonencode(var.targets)
            GENNAKER_ALLOWED_HOSTS  = join(",", var.allowed_hosts)
            GENNAKER_REGISTRY_HOSTS = jsonencode(var.registry_hosts)
            GENNAKER_INBOX_DAYS     = tostring(var.inbox_days)
            # Modules of stage kinds of one's own that the image holds.
            GENNAKER_STAGE_KINDS = jsonencode(var.stage_kinds)
            # Which function takes the wake-ups of a topic; the one of work takes those of every lane.
            GENNAKER_WAKE_URLS = jsonencode({ work = local.urls["advance-execution"] })
          },
          var.github_api_url != null ? { GENNAKER_GITHUB_API_URL = var.github_api_url } : {},
          # Only stages act in other projects.
          each.key == "advance-execution" ? { GENNAKER_GOOGLE_PROJECTS = join(",", var.google_projects) } : {},
        )
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.secrets[each.key]
        content {
          name = env.key
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.this[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }

  depends_on = [google_project_service.apis, google_secret_manager_secret_iam_member.functions]
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = local.functions
  name     = google_cloud_run_v2_service.functions[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.public ? "allUsers" : google_service_account.pusher.member
}

resource "google_project_iam_member" "firestore" {
  for_each = local.functions
  project  = var.project
  role     = "roles/datastore.user"
  member   = google_service_account.functions[each.key].member
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = local.grants.publishes
  topic    = google_pubsub_topic.this[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = google_service_account.functions[each.value.function].member
}

resource "google_pubsub_topic_iam_member" "notifications" {
  for_each = var.notification_topics
  topic    = each.key
  role     = "roles/pubsub.publisher"
  member   = google_service_account.functions["send-notifications"].member
}

resource "google_cloud_tasks_queue_iam_member" "enqueuers" {
  for_each = { for name, function in local.functions : name => function if function.wakes }
  name     = google_cloud_tasks_queue.wake_ups.name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.functions[each.key].member
}

# A task names the account that it calls as; whoever makes the task must be allowed to use that account.
resource "google_service_account_iam_member" "enqueuers" {
  for_each           = { for name, function in local.functions : name => function if function.wakes }
  service_account_id = google_service_account.pusher.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.functions[each.key].member
}

# Reaching a cluster's API; what may be done there is said by RBAC in the cluster.
resource "google_project_iam_custom_role" "cluster_connector" {
  for_each    = local.cluster_projects
  project     = each.key
  role_id     = "gennakerClusterConnector"
  title       = "Gennaker: connect to clusters"
  permissions = ["container.clusters.connect", "container.clusters.get"]
}

# serve-api asks clusters for dry-runs, to show plans; RBAC asks the same verbs for those as for writes.
resource "google_project_iam_member" "clusters" {
  for_each = {
    for pair in setproduct(local.cluster_projects, ["advance-execution", "serve-api", "sync-repositories"]) :
    "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1] }
  }
  project = each.value.project
  role    = google_project_iam_custom_role.cluster_connector[each.value.project].id
  member  = google_service_account.functions[each.value.function].member
}

# What a stage needs to run a build or a trigger, to follow it and to cancel it, and no more.
resource "google_project_iam_custom_role" "builder" {
  for_each    = var.google_projects
  project     = each.key
  role_id     = "gennakerBuilder"
  title       = "Gennaker: run builds"
  permissions = ["cloudbuild.builds.create", "cloudbuild.builds.get", "cloudbuild.builds.list", "cloudbuild.builds.update"]
}

resource "google_project_iam_member" "builders" {
  for_each = var.google_projects
  project  = each.key
  role     = google_project_iam_custom_role.builder[each.key].id
  member   = google_service_account.functions["advance-execution"].member
}

# Whoever starts a build that runs as an account of one's own must be allowed to use that account.
resource "google_service_account_iam_member" "builders" {
  for_each           = var.build_service_accounts
  service_account_id = each.key
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.functions["advance-execution"].member
}

# Those that make plans ask the registry for the digests of tags.
resource "google_project_iam_member" "registries" {
  for_each = {
    for pair in setproduct(var.registry_projects, ["start-executions", "serve-api", "sync-repositories"]) :
    "${pair[0]}/${pair[1]}" => { project = pair[0], function = pair[1] }
  }
  project = each.value.project
  role    = "roles/artifactregistry.reader"
  member  = google_service_account.functions[each.value.function].member
}

resource "google_secret_manager_secret" "this" {
  for_each  = toset(flatten([for secrets in values(local.secrets) : values(secrets)]))
  secret_id = each.key
  replication {
    auto {}
  }
  depends_on = [google_project_service.apis]
}

resource "google_secret_manager_secret_iam_member" "functions" {
  for_each  = local.grants.secrets
  secret_id = google_secret_manager_secret.this[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.functions[each.value.function].member
}
