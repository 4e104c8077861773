-- What somebody does in Neovim, and what the editor then shows. Works with Neovim 0.7 and newer.
local said = {}
local function say(text) table.insert(said, text) end
local function done()
  local file = io.open("said.txt", "w")
  file:write(table.concat(said, "\n") .. "\n")
  file:close()
  vim.cmd("qall!")
end

-- The configuration of docs/editors.md attaches the client when it sees the file.
local attached = vim.lsp.get_clients or vim.lsp.get_active_clients
vim.wait(30000, function() return #attached() > 0 end, 20)
local client = attached()[1]
if not client then
  say("no client was attached")
  done()
  return
end

local function text() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") end
local function place(line, character)
  return { textDocument = vim.lsp.util.make_text_document_params(), position = { line = line, character = character } }
end
local function ask(method, params)
  local answer = vim.lsp.buf_request_sync(0, method, params, 30000) or {}
  for _, one in pairs(answer) do
    if one.error or one.err then say("error: " .. vim.inspect(one.error or one.err)) end
    return one.result
  end
end

local ok, problem = pcall(function()
  vim.wait(30000, function() return #vim.diagnostic.get(0) > 0 end, 20)
  for _, one in ipairs(vim.diagnostic.get(0)) do say("sees " .. one.code .. ": " .. one.message:gsub("\n", " / ")) end

  local range = { start = { line = 1, character = 2 }, ["end"] = { line = 1, character = 12 } }
  local actions = ask("textDocument/codeAction", {
    textDocument = vim.lsp.util.make_text_document_params(), range = range, context = { diagnostics = {} },
  })
  say("offers " .. actions[1].title)
  vim.lsp.util.apply_workspace_edit(actions[1].edit, client.offset_encoding)
  say("mended " .. vim.fn.getline(2))
  vim.wait(30000, function() return #vim.diagnostic.get(0) == 0 end, 20)
  say("sees " .. #vim.diagnostic.get(0) .. " faults")

  vim.api.nvim_buf_set_lines(0, -1, -1, false, { "b.for" })
  vim.wait(300, function() return false end)
  local items = ask("textDocument/completion", place(5, 5))
  for _, item in ipairs(items.items or items) do say("completes " .. item.label .. ": " .. item.detail) end
  vim.api.nvim_buf_set_lines(0, -2, -1, false, {})
  vim.wait(300, function() return false end)

  local rename = place(3, 34)
  rename.newName = "outline"
  vim.lsp.util.apply_workspace_edit(ask("textDocument/rename", rename), client.offset_encoding)
  say(text())
end)
if not ok then say("failed: " .. tostring(problem)) end
done()
