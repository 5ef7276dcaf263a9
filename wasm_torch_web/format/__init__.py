"""The package format: model.json, plan.bin and weight shards (docs/format.md)."""
