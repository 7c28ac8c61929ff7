#!/bin/bash
# /opt/tulia-ai/scripts/health_check.sh

HEALTH_URL="http://localhost:8000/v1/health"
TIMEOUT=10

# Make request
RESPONSE=$(curl -s -w "\n%{http_code}" --max-time $TIMEOUT "$HEALTH_URL")
HTTP_CODE=$(echo "$RESPONSE" | tail -n1)
BODY=$(echo "$RESPONSE" | head -n-1)

# Check status
if [ "$HTTP_CODE" -eq 200 ]; then
    STATUS=$(echo "$BODY" | jq -r '.status')
    if [ "$STATUS" = "healthy" ]; then
        echo "✓ Health check passed"
        exit 0
    else
        echo "✗ Health check failed: $STATUS"
        echo "$BODY" | jq '.'
        exit 1
    fi
else
    echo "✗ Health check failed with HTTP $HTTP_CODE"
    exit 1
fi
