-- "Consumers that go on", run block by block from its first to its last.
require("support.reader").describe("the document about consumers", "docs/consumers.md")
