"""Grafana dashboards as code: `make dashboards` writes dashboards/*.json, `make dashboards-check` compares."""
