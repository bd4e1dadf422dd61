package io.github.peft4j.data.format;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.bytes.ByteBufferInputStream;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/** Parquet's own codecs, and gzip, which it would take from Hadoop. */
final class ParquetCodecs implements CompressionCodecFactory {

  private static final int PAGE_SIZE = 1 << 20;

  private final CodecFactory own = new CodecFactory(new PlainParquetConfiguration(), PAGE_SIZE);

  @Override
  public BytesInputCompressor getCompressor(CompressionCodecName codec) {
    return own.getCompressor(codec);
  }

  @Override
  public BytesInputDecompressor getDecompressor(CompressionCodecName codec) {
    return switch (codec) {
      case GZIP -> new Gunzip();
      case BROTLI, LZO ->
          throw new UnsupportedOperationException(
              "its columns are packed by %s. Write it with zstd or snappy".formatted(codec));
      default -> own.getDecompressor(codec);
    };
  }

  @Override
  public void release() {
    own.release();
  }

  private static final class Gunzip implements BytesInputDecompressor {

    @Override
    public BytesInput decompress(BytesInput bytes, int decompressedSize) throws IOException {
      return BytesInput.from(unpack(bytes.toInputStream(), decompressedSize));
    }

    @Override
    public void decompress(
        ByteBuffer input, int compressedSize, ByteBuffer output, int decompressedSize)
        throws IOException {
      output.put(
          unpack(
              ByteBufferInputStream.wrap(input.slice().limit(compressedSize)), decompressedSize));
    }

    private static byte[] unpack(InputStream packed, int size) throws IOException {
      try (GZIPInputStream in = new GZIPInputStream(packed)) {
        byte[] bytes = in.readNBytes(size);
        if (bytes.length < size) {
          throw new IOException("a page has %d bytes, expected %d".formatted(bytes.length, size));
        }
        return bytes;
      }
    }

    @Override
    public void release() {}
  }
}
