"""Chat templates that recipes can ask for by name, in the formats that their model families document."""

from __future__ import annotations

from collections.abc import Mapping

TEMPLATES: Mapping[str, str] = {
    "chatml": (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "llama3": (
        "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
        "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
        "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
    ),
    "mistral": (
        "{{ bos_token }}{% set waiting = namespace(system='') %}{% for message in messages %}"
        "{% if message['role'] == 'system' %}{% set waiting.system = message['content'] + '\n\n' %}"
        "{% elif message['role'] == 'user' %}[INST] {{ waiting.system }}{{ message['content'] }} [/INST]"
        "{% set waiting.system = '' %}{% else %} {{ message['content'] | trim }}{{ eos_token }}{% endif %}{% endfor %}"
    ),
    "alpaca": (
        "{% for message in messages %}"
        "{% if message['role'] == 'user' %}### Instruction:\n{{ message['content'] | trim }}\n\n"
        "{% elif message['role'] == 'assistant' %}### Response:\n{{ message['content'] | trim }}\n\n"
        "{% else %}{{ message['content'] | trim }}\n\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}### Response:\n{% endif %}"
    ),
}  # fmt: skip
