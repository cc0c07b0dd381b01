variable "project" {
  description = "The id of the Google Cloud project."
  type        = string
}

variable "region" {
  description = "Where everything runs, such as asia-northeast1."
  type        = string
}

variable "image" {
  description = "The container image of the functions, pinned by its digest."
  type        = string

  validation {
    condition     = strcontains(var.image, "@sha256:")
    error_message = "Name the image by its digest: <repository>@sha256:<digest>."
  }
}

variable "targets" {
  description = "The clusters that stages deliver to, by the name that pipelines use. Each gets a lane of its own."
  type = map(object({
    # projects/<project>/locations/<location>/clusters/<cluster>
    cluster = string
  }))
  default = {}

  validation {
    condition     = alltrue([for target in values(var.targets) : can(regex("^projects/[^/]+/locations/[^/]+/clusters/[^/]+$", target.cluster))])
    error_message = "Name a cluster as projects/<project>/locations/<location>/clusters/<cluster>."
  }

  validation {
    condition     = alltrue([for name in keys(var.targets) : can(regex("^[a-z][a-z0-9-]{0,29}$", name))])
    error_message = "A target's name has up to 30 lower-case letters, digits and hyphens and begins with a letter."
  }
}

variable "secrets" {
  # A service starts only when its secrets have values: on the first apply, make the secrets alone with
  # `terraform apply -target=google_secret_manager_secret.this`, add a version to each, then apply everything.
  description = "The names of the secrets that each function may read. Their values are set outside of Terraform."
  type        = map(set(string))
  default = {
    receive-webhook    = ["docker-distribution-webhook", "docker-hub-webhook"]
    send-notifications = ["slack-token"]
    serve-api          = ["api-token", "callback-key"]
    advance-execution  = ["callback-key"]
  }
}

variable "stage_secrets" {
  description = "The names of the secrets that stages may name by reference, such as a webhook's token."
  type        = set(string)
  default     = []
}

variable "inbox_days" {
  description = "How long events that arrived are kept, with what came of them, in days."
  type        = number
  default     = 90
}

variable "stage_kinds" {
  description = "Modules of stage kinds of your own that the image holds: [\"./kinds/change-ticket/index.ts\"]."
  type        = list(string)
  default     = []
}

variable "notification_topics" {
  description = "Topics of this project, made elsewhere, to which pipelines may send their notifications."
  type        = set(string)
  default     = []
}

variable "source_topics" {
  description = "By the name of the source, the topic of this project, made elsewhere, on which its messages come: { artifact-registry = \"gcr\", cloud-build = \"cloud-builds\" }. A topic of your own, for on: pubsub, is pubsub- and the subscription's name there: { pubsub-releases = \"acme-releases\" }."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for source in keys(var.source_topics) : can(regex("^(artifact-registry|cloud-build|cloud-storage|pubsub-[a-z][a-z0-9-]*)$", source))
    ])
    error_message = "The sources whose messages come by a topic are artifact-registry, cloud-build, cloud-storage, and pubsub- with a name."
  }
}
