"""What the documentation shows of OpenAI's API."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace

from api.chat_document import chat_document
from api.completion_document import completion_document
from api.embedding_document import embeddings_document
from api.examples import SUCCEEDED
from jobs.job import Usage
from jobs.request import InferenceRequest, RequestType

_EMBEDDED = replace(
    SUCCEEDED,
    request=InferenceRequest(model="encoder", type=RequestType.EMBEDDING, inputs=("Who knocks?",)),
    text=None,
    finish_reason=None,
    usage=Usage(prompt_tokens=5),
    vectors=(base64.b64encode(struct.pack("<3f", 0.6, 0.0, -0.8)).decode(),),
)

CHAT_REQUEST = {"model": "shakespeare", "messages": [{"role": "user", "content": "Who knocks?"}]}
CHAT_COMPLETION = chat_document(SUCCEEDED)
COMPLETION_REQUEST = {"model": "shakespeare", "prompt": "O Romeo, Romeo,", "max_tokens": 64}
COMPLETION = completion_document(SUCCEEDED)
EMBEDDING_REQUEST = {"model": "encoder", "input": ["Who knocks?"]}
EMBEDDINGS = embeddings_document(_EMBEDDED, is_base64=False)
