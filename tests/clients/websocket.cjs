// What Node has by itself from 22 on.
globalThis.WebSocket = require('ws');
globalThis.crypto ??= require('node:crypto').webcrypto;
