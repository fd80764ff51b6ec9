// The calls and messages of simd, from its published .proto files or from the running daemon.

import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import descriptor from 'protobufjs/ext/descriptor/index.js';

const OPTIONS = { keepCase: true, longs: Number, defaults: true, oneofs: true };

/** The package simd.v1, from the directory that holds simd/v1/*.proto. */
export function fromProto(directory) {
  const definition = loader.loadSync('simd/v1/search_service.proto', { ...OPTIONS, includeDirs: [directory] });
  return grpc.loadPackageDefinition(definition).simd.v1;
}

/** The package simd.v1, as the daemon at the address describes it: no .proto file is needed. */
export async function fromReflection(address, credentials, metadata) {
  const files = await describe(address, credentials, metadata, 'simd.v1.SearchService');
  const set = descriptor.FileDescriptorSet.encode({ file: [...files.values()] }).finish();
  return grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(Buffer.from(set), OPTIONS)).simd.v1;
}

/** The file that declares a symbol and all that it imports, by name. */
async function describe(address, credentials, metadata, symbol) {
  const { ServerReflection } = grpc.loadPackageDefinition(loader.fromJSON(REFLECTION, OPTIONS)).grpc.reflection.v1alpha;
  const client = new ServerReflection(address, credentials);
  const stream = client.ServerReflectionInfo(metadata);
  const files = new Map();
  try {
    const answers = stream[Symbol.asyncIterator]();
    const asked = new Set();
    const wanted = [{ fileContainingSymbol: symbol }];
    while (wanted.length) {
      stream.write(wanted.pop());
      const { value } = await answers.next();
      if (value.errorResponse) throw new Error(`the daemon does not describe itself: ${value.errorResponse.errorMessage}`);
      for (const bytes of value.fileDescriptorResponse.fileDescriptorProto) {
        const file = descriptor.FileDescriptorProto.decode(bytes);
        files.set(file.name, file);
        asked.add(file.name);
      }
      for (const name of [...files.values()].flatMap((file) => file.dependency)) {
        if (!asked.has(name)) wanted.push({ fileByFilename: name });
        asked.add(name);
      }
    }
  } finally {
    stream.end();
    client.close();
  }
  return files;
}

/** What of grpc.reflection.v1alpha is used here. */
const REFLECTION = {
  nested: {
    grpc: {
      nested: {
        reflection: {
          nested: {
            v1alpha: {
              nested: {
                ServerReflection: {
                  methods: {
                    ServerReflectionInfo: {
                      requestType: 'ServerReflectionRequest',
                      requestStream: true,
                      responseType: 'ServerReflectionResponse',
                      responseStream: true,
                    },
                  },
                },
                ServerReflectionRequest: {
                  oneofs: { request: { oneof: ['fileByFilename', 'fileContainingSymbol'] } },
                  fields: {
                    fileByFilename: { type: 'string', id: 3 },
                    fileContainingSymbol: { type: 'string', id: 4 },
                  },
                },
                ServerReflectionResponse: {
                  oneofs: { response: { oneof: ['fileDescriptorResponse', 'errorResponse'] } },
                  fields: {
                    fileDescriptorResponse: { type: 'FileDescriptorResponse', id: 4 },
                    errorResponse: { type: 'ErrorResponse', id: 7 },
                  },
                },
                FileDescriptorResponse: {
                  fields: { fileDescriptorProto: { rule: 'repeated', type: 'bytes', id: 1 } },
                },
                ErrorResponse: {
                  fields: { errorCode: { type: 'int32', id: 1 }, errorMessage: { type: 'string', id: 2 } },
                },
              },
            },
          },
        },
      },
    },
  },
};
