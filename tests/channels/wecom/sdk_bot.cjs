// A bot written with the official Node SDK: `node sdk_bot.cjs SDK_FOLDER WS_URL BOT_ID SECRET`.
const [folder, wsUrl, botId, secret] = process.argv.slice(2)
const { WSClient } = require(folder)

const client = new WSClient({ botId, secret, wsUrl, heartbeatInterval: 500 })
client.on('message.text', async (frame) => {
  const text = frame.body.text.content
  const stream = `s-${frame.body.msgid}`
  await client.replyStream(frame, stream, `收到${text}`, false, undefined, { id: 'turn-1' })
  await client.replyStream(frame, stream, `收到${text}，完成`, true)
  await client.sendMessage(frame.body.from.userid, {
    chat_type: 1,
    msgtype: 'markdown',
    markdown: { content: '另外，**今天**有会' },
  })
})
client.on('event.enter_chat', (frame) => client.replyWelcome(frame, { msgtype: 'text', text: { content: '您好' } }))
client.connect()
