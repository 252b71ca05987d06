import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A JVM program that keeps, drops and leaks memory as its options say: MiB, MiB/s, seconds. */
public class Load {
    static List<byte[]> objects(double mib) {
        List<byte[]> made = new ArrayList<>();
        for (int n = 0; n < mib * 1024; n++) made.add(new byte[1000]);
        return made;
    }

    public static void main(String[] args) throws Exception {
        Map<String, Double> option = new HashMap<>();
        for (int i = 0; i < args.length; i += 2)
            option.put(args[i].substring(2), Double.parseDouble(args[i + 1]));
        double leak = option.getOrDefault("leak", 0.0), churn = option.getOrDefault("churn", 0.0);
        double direct = option.getOrDefault("direct", 0.0), burst = option.getOrDefault("burst", 0.0);
        double after = option.getOrDefault("after", 0.0), until = option.getOrDefault("until", 0.0);
        double leaked = 0, seconds = option.getOrDefault("seconds", 60.0);
        List<Object> kept = new ArrayList<>();
        long began = System.nanoTime();
        for (double b = 0; b < burst; b += 20) {
            kept.add(objects(20));
            Thread.sleep(100);
        }
        while (true) {
            Thread.sleep(100);
            double now = (System.nanoTime() - began) / 1e9;
            if (now > seconds) break;
            if (churn > 0) objects(churn / 10);
            if (leak > 0 && now >= after && (until == 0 || leaked < until)) {
                kept.add(objects(leak / 10));
                leaked += leak / 10;
            }
            if (direct > 0) { // outside the heap, as network buffers are
                ByteBuffer buffer = ByteBuffer.allocateDirect((int) (direct / 10 * (1 << 20)));
                for (int at = 0; at < buffer.capacity(); at += 4096) buffer.put(at, (byte) 1);
                kept.add(buffer);
            }
        }
        System.out.println(kept.size());
    }
}
