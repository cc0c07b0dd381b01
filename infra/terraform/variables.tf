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
    # By which stages can choose targets: { region = "asia" }.
    labels = optional(map(string), {})
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

  validation {
    condition     = alltrue([for name in keys(var.secrets) : contains(keys(local.functions), name)])
    error_message = "Secrets are given to functions, by their names: receive-webhook, send-notifications and so on."
  }
}

variable "people_secret" {
  description = "The name of the secret with the people who have tokens of their own, and their groups, as JSON. Null: the API's own token is the only one."
  type        = string
  default     = null
}

variable "pages" {
  description = "Whether everyone who reaches the API may see its pages (open), or whoever has a token (token)."
  type        = string
  default     = "token"

  validation {
    condition     = contains(["open", "token"], var.pages)
    error_message = "Pages are open or behind a token."
  }
}

variable "allowed_hosts" {
  description = "Where stages, registries and Git hosts may be asked: names, *.example.com, or * for the public internet."
  type        = list(string)
  default     = ["*"]
}

variable "registry_hosts" {
  description = "The names of registries by the host that they report, where they stand behind a proxy."
  type        = map(string)
  default     = {}
}

variable "registry_projects" {
  description = "The projects whose Artifact Registry is asked for the digests of tags."
  type        = set(string)
  default     = []
}

variable "github_api_url" {
  description = "The REST API of a GitHub of your own: https://HOST/api/v3. Null: github.com."
  type        = string
  default     = null
}

variable "google_projects" {
  description = "The projects in which stages may run builds and triggers of Cloud Build with the system's own identity."
  type        = set(string)
  default     = []
}

variable "build_service_accounts" {
  description = "The accounts as which those builds run, where they are not the project's default: projects/<project>/serviceAccounts/<email>."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for account in var.build_service_accounts : can(regex("^projects/[^/]+/serviceAccounts/[^/]+$", account))])
    error_message = "Name an account as projects/<project>/serviceAccounts/<email>."
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
