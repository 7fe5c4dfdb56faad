import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams: windows in RocksDB with their changelog in Kafka; one thread, at least once, a commit every 30 s and
 * 10 MB of cache before RocksDB, all as by default.
 */
public class KafkaStreamsWindow {
    record Task(String name, String bootstrap, String redis, List<String> topics, int partitions, String folder) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Event(String event, String timestamp, Order properties) {
        long atMs() {
            return Instant.parse(timestamp).toEpochMilli();
        }

        double money() {
            return "Order Completed".equals(event) ? properties.revenue() : 0;
        }
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Order(double revenue) {}

    record Totals(long events, double money, long lastMs) {
        Totals add(Event event) {
            return new Totals(events + 1, money + event.money(), Math.max(lastMs, event.atMs()));
        }
    }

    static final ObjectMapper JSON = new ObjectMapper();

    static <T> Serde<T> serde(Class<T> type) {
        return Serdes.serdeFrom((topic, value) -> write(value), (topic, bytes) -> bytes == null ? null : read(bytes, type));
    }

    public static void main(String[] args) throws InterruptedException {
        Task task = read(System.getenv("PEER_TASK").getBytes(), Task.class);
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, task.name());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, task.bootstrap());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, task.folder());

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(task.topics(), Consumed.with(Serdes.String(), serde(Event.class))
                        .withTimestampExtractor((record, partitionMs) -> ((Event) record.value()).atMs()))
                .groupByKey()
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofHours(1)))
                .aggregate(() -> new Totals(0, 0, 0), (customer, event, totals) -> totals.add(event),
                        Materialized.<String, Totals, WindowStore<Bytes, byte[]>>as("windows")
                                .withKeySerde(Serdes.String()).withValueSerde(serde(Totals.class)));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        while (true) {
            System.out.println(processed(streams));
            Thread.sleep(100);
        }
    }

    /** Its own count of the records that went through the topology. */
    static long processed(KafkaStreams streams) {
        return streams.metrics().values().stream()
                .filter(m -> m.metricName().name().equals("process-total") && m.metricName().group().equals("stream-thread-metrics"))
                .mapToLong(m -> ((Double) m.metricValue()).longValue()).sum();
    }

    static byte[] write(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static <T> T read(byte[] bytes, Class<T> type) {
        try {
            return JSON.readValue(bytes, type);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
