"""The platform's own SDK as a program of its own: it blocks, and owns its event loop.

python sdk_peer.py listen BASE APP SECRET     connects and prints what it hears, one JSON line each
python sdk_peer.py speak BASE APP SECRET      sends, replies, streams a card; prints what came of it
python sdk_peer.py files BASE APP SECRET ID KEY   uploads, sends, and fetches a file of a message
python sdk_peer.py open KEY TOKEN             opens callbacks given as JSON lines on stdin
python sdk_peer.py frames                     writes frames, and reads those given as hex on stdin
"""

import io
import json
import logging
import random
import sys
import uuid
from collections.abc import Callable
from typing import Any

import lark_oapi as lark
from lark_oapi.api.cardkit.v1 import (
    Card,
    ContentCardElementRequest,
    ContentCardElementRequestBody,
    CreateCardRequest,
    CreateCardRequestBody,
    UpdateCardRequest,
    UpdateCardRequestBody,
)
from lark_oapi.api.contact.v3 import GetUserRequest
from lark_oapi.api.im.v1 import (
    CreateFileRequest,
    CreateFileRequestBody,
    CreateImageRequest,
    CreateImageRequestBody,
    CreateMessageRequest,
    CreateMessageRequestBody,
    GetMessageResourceRequest,
    ReplyMessageRequest,
    ReplyMessageRequestBody,
)
from lark_oapi.core.model import RawRequest
from lark_oapi.event.callback.model.p2_card_action_trigger import P2CardActionTriggerResponse
from lark_oapi.ws.pb.pbbp2_pb2 import Frame

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def tell(**words: Any) -> None:
    print(json.dumps(words, ensure_ascii=False), flush=True)


def dispatcher(key: str, token: str) -> Any:
    def hear(event: Any) -> None:
        message = event.event.message
        tell(
            heard=json.loads(message.content).get("text"),
            message_id=message.message_id,
            sender=event.event.sender.sender_id.open_id,
        )

    def press(event: Any) -> Any:
        tell(pressed=event.event.action.value, operator=event.event.operator.open_id)
        return P2CardActionTriggerResponse({"toast": {"type": "info", "content": "好的"}})

    builder = lark.EventDispatcherHandler.builder(key, token)
    return builder.register_p2_im_message_receive_v1(hear).register_p2_card_action_trigger(press).build()


def listen(base: str, app: str, secret: str) -> None:
    lark.ws.Client(app, secret, event_handler=dispatcher("", ""), domain=base).start()


def speak(base: str, app: str, secret: str, heard: str) -> None:
    client = lark.Client.builder().app_id(app).app_secret(secret).domain(base).build()
    once = str(uuid.uuid4())

    def send(kind: str, content: object, guard: str) -> Any:
        body = CreateMessageRequestBody.builder().receive_id("ou_a").msg_type(kind)
        body = body.content(json.dumps(content)).uuid(guard).build()
        request = CreateMessageRequest.builder().receive_id_type("open_id").request_body(body).build()
        return client.im.v1.message.create(request)

    first, again = send("text", {"text": "已完成"}, once), send("text", {"text": "已完成"}, once)
    tell(sent=first.code, again=first.data.message_id == again.data.message_id)
    body = ReplyMessageRequestBody.builder().msg_type("text").content('{"text":"好的"}').uuid(str(uuid.uuid4())).build()
    replied = client.im.v1.message.reply(ReplyMessageRequest.builder().message_id(heard).request_body(body).build())
    tell(replied=replied.code)
    card = {
        "schema": "2.0",
        "config": {"update_multi": True, "streaming_mode": True},
        "body": {"elements": [{"tag": "markdown", "element_id": "md_1", "content": "退"}]},
    }
    made = client.cardkit.v1.card.create(
        CreateCardRequest.builder()
        .request_body(CreateCardRequestBody.builder().type("card_json").data(json.dumps(card)).build())
        .build()
    )
    card_id = made.data.card_id
    reference = {"type": "card", "data": {"card_id": card_id}}
    tell(card=made.code, shown=send("interactive", reference, str(uuid.uuid4())).code)
    tell(twice=send("interactive", reference, str(uuid.uuid4())).code)

    def write(text: str, sequence: int) -> int:
        body = ContentCardElementRequestBody.builder().content(text).sequence(sequence).build()
        request = ContentCardElementRequest.builder().card_id(card_id).element_id("md_1").request_body(body).build()
        code: int = client.cardkit.v1.card_element.content(request).code
        return code

    tell(written=[write("退货", 1), write("退货须在", 2), write("七天", 2)])
    card["config"] = {"update_multi": True, "streaming_mode": False}
    whole = Card.builder().type("card_json").data(json.dumps(card)).build()
    body = UpdateCardRequestBody.builder().card(whole).sequence(3).build()
    tell(
        ended=client.cardkit.v1.card.update(
            UpdateCardRequest.builder().card_id(card_id).request_body(body).build()
        ).code
    )
    user = client.contact.v3.user.get(GetUserRequest.builder().user_id("ou_a").user_id_type("open_id").build())
    tell(name=user.data.user.name)


def files(base: str, app: str, secret: str, message_id: str, key: str) -> None:
    """Upload a picture and a file, send both, and fetch a file of a message."""
    client = lark.Client.builder().app_id(app).app_secret(secret).domain(base).build()
    picture = CreateImageRequestBody.builder().image_type("message").image(io.BytesIO(PNG)).build()
    image = client.im.v1.image.create(CreateImageRequest.builder().request_body(picture).build())
    body = (
        CreateFileRequestBody.builder().file_type("pdf").file_name("报价单.pdf").file(io.BytesIO(b"%PDF-1.7")).build()
    )
    file = client.im.v1.file.create(CreateFileRequest.builder().request_body(body).build())
    tell(image=image.code, file=file.code)
    contents = {"image": {"image_key": image.data.image_key}, "file": {"file_key": file.data.file_key}}
    for kind, content in contents.items():
        made = CreateMessageRequestBody.builder().receive_id("ou_a").msg_type(kind).content(json.dumps(content))
        request = CreateMessageRequest.builder().receive_id_type("open_id")
        sent = client.im.v1.message.create(request.request_body(made.uuid(str(uuid.uuid4())).build()).build())
        tell(sent=sent.code)
    asked = GetMessageResourceRequest.builder().message_id(message_id).file_key(key).type("file").build()
    found = client.im.v1.message_resource.get(asked)
    tell(found=found.code, name=found.file_name, content=found.file.read().decode())
    foreign = GetMessageResourceRequest.builder().message_id("om_other").file_key(key).type("file").build()
    tell(foreign=client.im.v1.message_resource.get(foreign).code)


def open_callbacks(key: str, token: str) -> None:
    handler = dispatcher(key, token)
    for line in sys.stdin:
        told = json.loads(line)
        request = RawRequest()
        request.uri, request.headers, request.body = "/", told["headers"], told["body"].encode()
        answer = handler.do(request)
        tell(status=answer.status_code, content=answer.content.decode())


def frames() -> None:
    rng = random.Random(7)
    for _ in range(200):
        frame = Frame()
        frame.SeqID, frame.LogID = rng.getrandbits(rng.choice([1, 7, 8, 63, 64])), rng.getrandbits(64)
        frame.service, frame.method = rng.choice([0, 33554678, -1, 2**31 - 1]), rng.choice([0, 1])
        for number in range(rng.randrange(6)):
            header = frame.headers.add()
            header.key, header.value = f"k{number}", "值" * rng.randrange(50)
        if rng.random() < 0.7:
            frame.payload = rng.randbytes(rng.choice([1, 127, 128, 20_000]))
        if rng.random() < 0.3:
            frame.LogIDNew, frame.payload_type = "log", "json"
        tell(wire=frame.SerializeToString().hex(), **told_of(frame))
    for line in sys.stdin:
        frame = Frame()
        frame.ParseFromString(bytes.fromhex(line.strip()))
        tell(**told_of(frame))


def told_of(frame: Any) -> dict[str, Any]:
    return {
        "seq_id": frame.SeqID,
        "log_id": frame.LogID,
        "service": frame.service,
        "method": frame.method,
        "headers": [[header.key, header.value] for header in frame.headers],
        "payload": frame.payload.hex(),
        "log_id_new": frame.LogIDNew,
        "payload_type": frame.payload_type,
    }


if __name__ == "__main__":
    logging.disable()
    ways: dict[str, Callable[..., None]]
    ways = {"files": files, "listen": listen, "speak": speak, "open": open_callbacks, "frames": frames}
    ways[sys.argv[1]](*sys.argv[2:])
