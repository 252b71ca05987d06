import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import javax.annotation.processing.AbstractProcessor;
import javax.annotation.processing.RoundEnvironment;
import javax.annotation.processing.SupportedAnnotationTypes;
import javax.lang.model.SourceVersion;
import javax.lang.model.element.TypeElement;

/** An annotation processor that keeps an index, LEAK MiB a second, and is never done. */
@SupportedAnnotationTypes("*")
public class KeepingProcessor extends AbstractProcessor {
  private final List<byte[]> kept = new ArrayList<>();

  @Override
  public SourceVersion getSupportedSourceVersion() {
    return SourceVersion.latest();
  }

  @Override
  public boolean process(Set<? extends TypeElement> annotations, RoundEnvironment round) {
    double rate = Double.parseDouble(System.getenv("LEAK"));
    for (int n = 0; n < 1000; n++) { // a hundred seconds, should nothing end it
      byte[] entry = new byte[(int) (rate * 104857.6)];
      Arrays.fill(entry, (byte) 1);
      kept.add(entry);
      try {
        Thread.sleep(100);
      } catch (InterruptedException error) {
        return false;
      }
    }
    return false;
  }
}
