// Starts `kaizen lsp`, and runs kaizen's commands in a terminal.
const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function settings() {
  return vscode.workspace.getConfiguration("kaizen");
}

async function start() {
  const run = { command: settings().get("path"), args: ["lsp"], transport: TransportKind.stdio };
  client = new LanguageClient("kaizen", "kaizen", run, {
    documentSelector: [
      { language: "rhai" },
      { scheme: "file", pattern: "**/kaizen.toml" },
    ],
    initializationOptions: { inlayHints: settings().get("inlayHints") },
  });
  await client.start();
}

// A code lens asks for a command of kaizen in the folder of its project.
function inTerminal({ folder, arguments: words }) {
  const name = `kaizen ${words[0]}`;
  const known = vscode.window.terminals.find((one) => one.name === name && !one.exitStatus);
  const terminal = known || vscode.window.createTerminal({ name, cwd: folder });
  const quoted = [settings().get("path"), ...words].map((word) => `'${word.replace(/'/g, "'\\''")}'`);
  terminal.show();
  terminal.sendText(quoted.join(" "));
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("kaizen.terminal", inTerminal),
    vscode.commands.registerCommand("kaizen.restart", async () => {
      await client?.stop();
      await start();
    }),
  );
  await start();
}

async function deactivate() {
  await client?.stop();
}

module.exports = { activate, deactivate };
