"""Language models: thin clients behind the `conversation.model.ChatModel` port."""
