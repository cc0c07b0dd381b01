output "api_url" {
  description = "Where the API and the pages are: set GENNAKER_URL to it."
  value       = local.urls["serve-api"]
}

output "webhook_url" {
  description = "Where registries, Git hosts and CI send their webhooks."
  value       = local.urls["receive-webhook"]
}
