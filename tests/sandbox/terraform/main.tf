# This stack's resources, as Terraform's google provider has them. Everything about the cloud comes from the
# environment that `sandbox run` sets.
terraform {
  required_providers {
    google = {
      source = "hashicorp/google"
    }
  }
}

variable "words" {
  description = "Goes into whatever can be changed in place."
  default     = "first"
}

provider "google" {}

data "google_project" "this" {}

data "google_compute_network" "default" {
  name = "default"
}

resource "google_project_service" "all" {
  for_each           = toset(["aiplatform.googleapis.com", "iam.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_compute_network" "own" {
  name                    = "own"
  auto_create_subnetworks = false
}

resource "google_vertex_ai_endpoint" "prod" {
  name         = "77"
  display_name = "gemini-prod-endpoint"
  description  = var.words
  location     = "us-central1"
  labels       = { words = var.words }
  depends_on   = [google_project_service.all]
}

resource "google_service_account" "inference" {
  account_id   = "gemini-inference-sa"
  display_name = var.words
  depends_on   = [google_project_service.all]
}

resource "google_project_iam_custom_role" "predict" {
  role_id     = "vertexPredictOnly"
  title       = var.words
  permissions = ["aiplatform.endpoints.predict"]
}

resource "google_project_iam_member" "predict" {
  project = data.google_project.this.project_id
  role    = google_project_iam_custom_role.predict.id
  member  = google_service_account.inference.member
}

resource "google_service_account_iam_member" "identity" {
  service_account_id = google_service_account.inference.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${data.google_project.this.project_id}.svc.id.goog[production/gemini-app]"
}

resource "google_access_context_manager_access_policy" "policy" {
  parent = "organizations/${data.google_project.this.org_id}"
  title  = "gemini"
}

resource "google_access_context_manager_service_perimeter" "prod" {
  parent                    = "accessPolicies/${google_access_context_manager_access_policy.policy.name}"
  name                      = "accessPolicies/${google_access_context_manager_access_policy.policy.name}/servicePerimeters/gemini_prod_perimeter"
  title                     = var.words
  use_explicit_dry_run_spec = true
  spec {
    resources           = ["projects/${data.google_project.this.number}"]
    restricted_services = ["aiplatform.googleapis.com"]
  }
}
