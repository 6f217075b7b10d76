// Starts emulate's Slack service on this machine only, with one app. Arguments: port, client id, client secret, redirect URL.
import net from 'node:net';
import { createEmulator } from 'emulate';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const done = rest.find((r) => typeof r === 'function');
  return listen.call(this, { port: typeof port === 'object' ? port.port : port, host: '127.0.0.1' }, done);
};

const [port, client_id, client_secret, redirect] = process.argv.slice(2);
const emulator = await createEmulator({
  service: 'slack',
  port: Number(port),
  seed: {
    slack: {
      team: { name: 'Emulated', domain: 'emulated' },
      users: [{ name: 'grace', real_name: 'Grace', email: 'grace@example.com' }],
      oauth_apps: [{ client_id, client_secret, name: 'Lockstep', redirect_uris: [redirect], scopes: [] }],
    },
  },
});
console.log('listening on http://127.0.0.1:' + port);
process.on('SIGTERM', () => void emulator.close().then(() => process.exit(0)));
