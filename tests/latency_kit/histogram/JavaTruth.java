// Makes java_truth.json anew, with the jar of org.hdrhistogram:HdrHistogram:2.2.2 from Maven Central:
//   java -cp HdrHistogram-2.2.2.jar JavaTruth.java > java_truth.json

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Base64;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

public class JavaTruth {
    static final double[] PERCENTILES = {0, 0.001, 1, 10, 25, 33.3, 50, 66.7, 90, 94, 95, 99, 99.9, 99.99, 100};

    public static void main(String[] arguments) {
        Histogram raw = new Histogram(1, 3_600_000_000_000L, 3);
        Histogram corrected = new Histogram(1, 3_600_000_000_000L, 3);
        for (long step = 0; step < 500; step++) {
            long value = step * step * step * 1009 + step;
            raw.recordValue(value);
            corrected.recordValueWithExpectedInterval(value, 50_000_000L);
        }
        StringBuilder percentiles = new StringBuilder();
        for (double percentile : PERCENTILES) {
            String separator = percentiles.length() == 0 ? "" : ", ";
            percentiles.append(separator + "[" + percentile + ", " + raw.getValueAtPercentile(percentile) + "]");
        }
        System.out.println("{");
        System.out.println("  \"percentiles\": [" + percentiles + "],");
        System.out.println("  \"stddev\": " + raw.getStdDeviation() + ",");
        System.out.println("  \"raw\": \"" + encoded(raw) + "\",");
        System.out.println("  \"corrected\": \"" + encoded(corrected) + "\",");
        System.out.println("  \"empty\": \"" + encoded(new Histogram(1, 3_600_000_000_000L, 3)) + "\",");
        System.out.println("  \"log\": \"" + log(raw).replace("\"", "\\\"").replace("\n", "\\n") + "\"");
        System.out.println("}");
    }

    static String encoded(Histogram histogram) {
        ByteBuffer buffer = ByteBuffer.allocate(histogram.getNeededByteBufferCapacity());
        int length = histogram.encodeIntoByteBuffer(buffer);
        return Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length));
    }

    static String log(Histogram histogram) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        HistogramLogWriter log = new HistogramLogWriter(new PrintStream(bytes));
        log.outputLogFormatVersion();
        log.outputStartTime(1_441_812_279_474L);
        log.setBaseTime(1_441_812_279_474L);
        log.outputBaseTime(1_441_812_279_474L);
        log.outputLegend();
        histogram.setStartTimeStamp(1_441_812_280_000L);
        histogram.setEndTimeStamp(1_441_812_281_500L);
        histogram.setTag("llm");
        log.outputIntervalHistogram(histogram);
        return bytes.toString();
    }
}
