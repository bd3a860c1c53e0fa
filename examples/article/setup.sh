#!/usr/bin/env bash
# The article's set-up by hand, in its order, with gcloud and kubectl. Where gcloud or Google no longer takes the
# article's command, the one here differs; corrections.yaml says what was refused, by whom, and why.
#
#   PROJECT_ID=… ORG_ID=… FLASH_MODEL=… PRO_MODEL=… bash examples/article/setup.sh
#
# Without an account: .venv/bin/python -m sandbox run --deploy-seconds 0 -- sh -c \
#   'ORG_ID=987654321098 FLASH_MODEL=gemma-3-4b PRO_MODEL=gemma-3-12b bash examples/article/setup.sh'
set -euo pipefail

PROJECT_ID=${PROJECT_ID:-${GOOGLE_CLOUD_PROJECT:?the id of your project}}
REGION=${REGION:-us-central1}
: "${ORG_ID:?the number of your organization: gcloud organizations list}"
: "${FLASH_MODEL:?a model of your project: gcloud ai models list --region=$REGION}"
: "${PRO_MODEL:?a second model of your project}"
NAMESPACE=${NAMESPACE:-production}
KSA_NAME=${KSA_NAME:-gemini-app}
ACCOUNT="gemini-inference-sa@$PROJECT_ID.iam.gserviceaccount.com"
FLASH_MODEL_ID=1001
PRO_MODEL_ID=1002

# Step 1: APIs
gcloud config set project "$PROJECT_ID"
gcloud services enable \
  aiplatform.googleapis.com \
  compute.googleapis.com \
  container.googleapis.com \
  cloudresourcemanager.googleapis.com \
  iam.googleapis.com \
  accesscontextmanager.googleapis.com \
  --project="$PROJECT_ID"
PROJECT_NUMBER=$(gcloud projects describe "$PROJECT_ID" --format="value(projectNumber)")

# Step 2: the endpoint
gcloud ai endpoints create \
  --region="$REGION" \
  --display-name="gemini-prod-endpoint" \
  --project="$PROJECT_ID"
ENDPOINT_ID=$(gcloud ai endpoints list \
  --region="$REGION" \
  --project="$PROJECT_ID" \
  --filter="displayName=gemini-prod-endpoint" \
  --format="value(name)" | awk -F'/' '{print $NF}')
echo "Endpoint ID: $ENDPOINT_ID"

# Step 3: the primary model
gcloud ai endpoints deploy-model "$ENDPOINT_ID" \
  --region="$REGION" \
  --model="$FLASH_MODEL" \
  --display-name="gemini-flash-primary" \
  --deployed-model-id="$FLASH_MODEL_ID" \
  --traffic-split="0=100" \
  --min-replica-count=2 \
  --max-replica-count=20 \
  --machine-type="n1-standard-4" \
  --project="$PROJECT_ID"

# Step 4: the second model, and the split
gcloud ai endpoints deploy-model "$ENDPOINT_ID" \
  --region="$REGION" \
  --model="$PRO_MODEL" \
  --display-name="gemini-pro-fallback" \
  --deployed-model-id="$PRO_MODEL_ID" \
  --traffic-split="$FLASH_MODEL_ID=95,0=5" \
  --min-replica-count=1 \
  --max-replica-count=5 \
  --machine-type="n1-standard-8" \
  --project="$PROJECT_ID"

# Step 5: Workload Identity
gcloud iam service-accounts create gemini-inference-sa \
  --display-name="Gemini Inference Service Account" \
  --project="$PROJECT_ID"
gcloud projects add-iam-policy-binding "$PROJECT_ID" \
  --member="serviceAccount:$ACCOUNT" \
  --role="roles/aiplatform.user"
gcloud iam service-accounts add-iam-policy-binding "$ACCOUNT" \
  --role="roles/iam.workloadIdentityUser" \
  --member="serviceAccount:$PROJECT_ID.svc.id.goog[$NAMESPACE/$KSA_NAME]"
kubectl create namespace "$NAMESPACE"
kubectl apply -f - <<YAML
apiVersion: v1
kind: ServiceAccount
metadata:
  name: $KSA_NAME
  namespace: $NAMESPACE
  annotations:
    iam.gke.io/gcp-service-account: $ACCOUNT
YAML

# Step 7: VPC Service Controls, as a dry run
gcloud access-context-manager policies create \
  --organization="$ORG_ID" \
  --title="prod-access-policy"
POLICY_NAME=$(gcloud access-context-manager policies list \
  --organization="$ORG_ID" --format="value(name)")
gcloud access-context-manager perimeters dry-run create gemini_prod_perimeter \
  --policy="$POLICY_NAME" \
  --perimeter-title="Gemini Production Perimeter" \
  --perimeter-type=regular \
  --perimeter-resources="projects/$PROJECT_NUMBER" \
  --perimeter-restricted-services="aiplatform.googleapis.com"

# Verification
gcloud ai endpoints predict "$ENDPOINT_ID" \
  --region="$REGION" \
  --json-request=- \
  --project="$PROJECT_ID" <<<'{"instances": [{"content": "What is 2 + 2? Reply with just the number."}]}'
gcloud ai endpoints describe "$ENDPOINT_ID" \
  --region="$REGION" \
  --format="yaml(trafficSplit)"
