# The indexes and rules are those of the files that the emulator and the tests use too.

locals {
  firestore = jsondecode(file("${path.module}/../firestore.indexes.json"))
}

resource "google_firestore_database" "this" {
  name                              = "(default)"
  location_id                       = var.region
  type                              = "FIRESTORE_NATIVE"
  concurrency_mode                  = "OPTIMISTIC"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  delete_protection_state           = "DELETE_PROTECTION_ENABLED"
  depends_on                        = [google_project_service.apis]
}

resource "google_firestore_index" "this" {
  for_each = {
    for index in local.firestore.indexes :
    join("-", concat([index.collectionGroup], index.fields[*].fieldPath)) => index
  }
  database    = google_firestore_database.this.name
  collection  = each.value.collectionGroup
  query_scope = each.value.queryScope

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path = fields.value.fieldPath
      order      = fields.value.order
    }
  }
}

resource "google_firestore_field" "unindexed" {
  for_each = {
    for override in local.firestore.fieldOverrides : "${override.collectionGroup}-${override.fieldPath}" => override
    if length(override.indexes) == 0
  }
  database   = google_firestore_database.this.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  # Empty: no index at all.
  index_config {}

  # Firestore removes a document when the time in this field has passed.
  dynamic "ttl_config" {
    for_each = lookup(each.value, "ttl", false) ? [1] : []
    content {}
  }
}

resource "google_firebaserules_ruleset" "firestore" {
  source {
    files {
      name    = "firestore.rules"
      content = file("${path.module}/../firestore.rules")
    }
  }
  depends_on = [google_firestore_database.this]
}

resource "google_firebaserules_release" "firestore" {
  name         = "cloud.firestore"
  ruleset_name = google_firebaserules_ruleset.firestore.name
}
