"""A tiny random GPT-Neo with a tokenizer trained on a few lines, for tests that need a model and not its quality."""

from pathlib import Path

TEXT = [
    "import pandas as pd\nimport numpy as np\n",
    "df = pd.DataFrame({'a': [1, 2, 3], 'b': [4.0, 5.5, 6.25]})\n",
    "# select the rows where a is larger than one\nrows = df[df['a'] > 1]\n",
    "def mean_of(df, column):\n    return df[column].mean()\n",
    "    result = df.groupby('a').sum().reset_index()\n    return result\n\n\nprint(result)\n",
]


def tiny_tokenizer(special: str | None = "<|endoftext|>"):
    """A byte-level BPE tokenizer of 400 tokens; `special` is its bos, eos and unk token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[special] if special else [],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=special, eos_token=special)


def tiny_model(tokenizer, seed: int = 0, context: int = 512, architecture: str = "gpt_neo"):
    """A random model of two layers, in evaluation mode: gpt_neo (local attention in the second), gpt2, codegen, llama,
    deepseek_v3 (values of another size than keys).
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "gpt_neo": {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 2,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 16,
            "max_position_embeddings": context,
        },
        "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": context},
        "codegen": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": context, "rotary_dim": 8},
        "llama": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": context,
        },
        "deepseek_v3": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "first_k_dense_replace": 2,  # no experts
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 12,
            "max_position_embeddings": context,
        },
    }[architecture]
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **sizes,
    )
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config).eval()


def save_tiny(folder: str | Path, seed: int = 0, context: int = 512) -> Path:
    """Write model and tokenizer to `folder` and return it."""
    folder = Path(folder)
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer, seed, context).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
