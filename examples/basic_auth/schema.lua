-- What the plugin can be told, as Kong has it described.
return {
  name = "basic-auth-fresh",
  fields = {
    { config = {
      type = "record",
      fields = {
        { realm = { type = "string", default = "service" } },
        { hide_credentials = { type = "boolean", default = true } },
      },
    } },
  },
}
