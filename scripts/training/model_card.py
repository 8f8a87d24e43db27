"""The model card that goes with every trained model."""

import json


def model_card(settings: dict, results: dict) -> str:
    """Markdown with a YAML header: base, data hashes, tokens seen, losses and licence note.

    Args:
        settings: what `run_cert.describe` returns.
        results: steps, tokens, losses and the run's versions.
    """
    base = settings["model_args"]["model_name_or_path"]
    rank, overrides = (settings["model_args"][name] for name in ("lora_r", "config_overrides"))
    losses = [f"{results[key]:.4f}" if key in results else "not measured" for key in ("initial_loss", "final_loss")]
    data = "\n".join(f"- `{name}`: sha256 `{digest}`" for name, digest in settings["train_data"].items())
    how = f"LoRA, rank {rank}" if rank else "all weights"
    title = f"{base}, continually pre-trained on"
    origin = f"base_model: {base}\n"
    if overrides is not None:
        title, origin = f"{base} ({overrides or 'as it is'}), trained from scratch on", ""
    return f"""---
{origin}library_name: {"peft" if rank else "transformers"}
tags: [code, continual-pre-training, cert]
---
# {title} `{settings["data_args"]["train_file"]}`

- trained: {how}; {results["steps"]} steps, {results["tokens"]} tokens
- held-out loss: {losses[0]} before, {losses[1]} after
- initial weights: sha256 `{settings["base"]}`
- licence: the base model's terms hold; the corpus folder's `stats.json` lists the licences of the training documents

Training data:
{data}

```json
{json.dumps(results["run"], indent=2)}
```
"""
