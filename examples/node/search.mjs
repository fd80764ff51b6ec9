// node search.mjs ADDRESS IMAGE [PROTOS]: prints what looks like an image, as JSON.
//
// ADDRESS is unix:PATH or HOST:PORT. PROTOS is the directory with simd/v1/*.proto; without it the daemon is asked how to
// speak to it. SIMD_TOKEN is sent as the caller's token.

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import grpc from '@grpc/grpc-js';

import { fromProto, fromReflection } from './contract.mjs';

const [address, file, protos] = process.argv.slice(2);
if (!file) {
  console.error('usage: node search.mjs ADDRESS IMAGE [PROTOS]');
  process.exit(2);
}

try {
  console.log(JSON.stringify(await search(await readFile(file)), null, 1));
} catch (error) {
  console.error(error.details ? `${grpc.status[error.code]}: ${error.details}` : error.message);
  process.exitCode = 1;
}

async function search(image) {
  const credentials = grpc.credentials.createInsecure();
  const metadata = new grpc.Metadata();
  if (process.env.SIMD_TOKEN) metadata.set('authorization', `Bearer ${process.env.SIMD_TOKEN}`);
  const { SearchService } = protos ? fromProto(protos) : await fromReflection(address, credentials, metadata);
  const client = new SearchService(address, credentials);
  try {
    const call = promisify(client.Search.bind(client));
    const { matches, searched, exact } = await call({ image, limit: 5 }, metadata, { deadline: Date.now() + 60_000 });
    return { matches, searched, exact };
  } finally {
    client.close();
  }
}
